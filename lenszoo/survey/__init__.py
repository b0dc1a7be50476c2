"""Search of a survey: tiles and a catalogue of positions in, ranked lens candidates out."""

from lenszoo.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
