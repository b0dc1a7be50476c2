from lenszoo.inference.exporting.exporter import export as export
from lenszoo.inference.exporting.formats import FORMATS as FORMATS

__all__ = ["FORMATS", "export"]
