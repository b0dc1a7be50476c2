from tinyvetting import open_results, write_controls

from lenszoo.vetting.session import describe


def test_a_key_tells_neither_id_nor_rank_and_stays_the_same(session, tmp_path):
    keys = list(session.keys)
    assert len(set(keys)) == 12 and all(len(key) == 18 for key in keys)
    assert session.key_of(session.candidates.ids[3]) == keys[3]
    assert session.key_of("gone") is None
    salt = session.grades.salt
    session.grades.close()
    from lenszoo.vetting import open_session

    again = open_session(tmp_path / "results")
    assert again.grades.salt == salt and list(again.keys) == keys


def test_blind_order_is_shuffled_for_each_grader_and_holds_the_controls(tmp_path):
    session = open_results(tmp_path, controls=write_controls(tmp_path), n_controls=4)
    assert [row for _, row in session.order("Ann", False)] == list(range(12))
    ann, bob = ([row for _, row in session.order(name, True)] for name in ("Ann", "Bob"))
    assert sorted(ann) == sorted(bob) == list(range(16))
    assert ann != bob and ann != sorted(ann)
    assert session.id_of(12).startswith("control/")
    image, bands = session.image(12)
    assert image.shape == (64, 64, 3) and bands == ("g", "r", "i")
    assert session.hides_scale and session.frame(12).scale is None
    truth = session.truth()
    assert list(truth.listed) == [session.candidates.ids[2]] and sum(truth.controls.values()) == 2


def test_a_session_describes_itself(session):
    facts = describe(session)
    assert facts["name"] == "results" and facts["controls"] == 0
    assert [name for name, _ in facts["views"]][:4] == ["colour", "faint", "difference", "asinh-0"]
    assert facts["widest"] > 1 and "tile" not in facts["columns"]
