from lenszoo.survey.footprints import SkyTree as SkyTree
from lenszoo.survey.footprints import read_tiles as read_tiles
from lenszoo.survey.positions import Positions as Positions
from lenszoo.survey.tiles import list_tiles as list_tiles

__all__ = ["Positions", "SkyTree", "list_tiles", "read_tiles"]
