"""lenszoo: the Keras 3 model zoo for strong gravitational lensing."""

from lenszoo._version import __version__ as __version__
from lenszoo.lazy import lazy_names
from lenszoo.registration import register

# No module may bear the name of a public function, such as `lenszoo.predict`: importing it would
# put the module in the place of the function.
__getattr__, __dir__, __all__ = lazy_names(__name__)

register()
