from lenszoo.inference.engines.opening import EngineName as EngineName
from lenszoo.inference.engines.opening import Precision as Precision
from lenszoo.inference.engines.opening import open_engine as open_engine

__all__ = ["EngineName", "Precision", "open_engine"]
