from lenszoo.survey.footprints import SkyTree as SkyTree
from lenszoo.survey.footprints import read_tiles as read_tiles
from lenszoo.survey.neighbours import similar as similar
from lenszoo.survey.positions import Positions as Positions
from lenszoo.survey.searching import search as search
from lenszoo.survey.summary import SearchResult as SearchResult
from lenszoo.survey.tiles import list_tiles as list_tiles

__all__ = ["Positions", "SearchResult", "SkyTree", "list_tiles", "read_tiles", "search", "similar"]
