from tinysky import refusal

from lenszoo.survey.results_folder import held


def test_the_results_of_another_search_are_refused(sky, tmp_path, look):
    out = tmp_path / "out"
    look(sky, out)
    easy = "lens_finder.easy_sim_image"
    refusal(lambda: look(sky, out, weights=easy), str(out), "another search", "weights", easy)
    refusal(lambda: look(sky, out, on_bad="zero"), "on_bad: skip there, zero here")
    other = tmp_path / "catalogue.csv"
    other.write_text((sky / "catalogue.csv").read_text().replace("150.0", "150.1"))
    refusal(lambda: look(sky, out, catalogue=other), "catalogue_sha256")
    refusal(lambda: look(sky, sky / "tiles"), "is an input itself")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    refusal(lambda: look(sky, tmp_path / "full"), "holds thesis.tex and no search")


def test_a_search_holds_its_folder_alone_and_shards_side_by_side(tmp_path):
    def enter(shard):
        with held(tmp_path / "out", shard):
            pass

    with held(tmp_path / "out", (1, 2)):
        enter((2, 2))
        refusal(lambda: enter((1, 2)), "another process is searching into it")
        refusal(lambda: enter(None), "another process is searching into it")
    with held(tmp_path / "out", None):
        refusal(lambda: enter((1, 2)), "another process is searching into it")
    enter(None)
