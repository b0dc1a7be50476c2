from lenszoo.vetting.agreement import Agreement as Agreement
from lenszoo.vetting.agreement import measure_agreement as measure_agreement
from lenszoo.vetting.candidates import Candidates as Candidates
from lenszoo.vetting.candidates import read_candidates as read_candidates
from lenszoo.vetting.grades import GradeStore as GradeStore
from lenszoo.vetting.session import Session as Session
from lenszoo.vetting.session import open_session as open_session
from lenszoo.vetting.votes import write_votes as write_votes

__all__ = [
    "Agreement",
    "Candidates",
    "GradeStore",
    "Session",
    "measure_agreement",
    "open_session",
    "read_candidates",
    "write_votes",
]
