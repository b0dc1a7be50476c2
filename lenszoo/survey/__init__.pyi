from lenszoo.survey.positions import Positions as Positions

__all__ = ["Positions"]
