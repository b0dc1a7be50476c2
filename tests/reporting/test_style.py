import re

from lenszoo.reporting.style import CSS


def test_every_rule_is_of_the_report_alone():
    selectors = re.findall(r"^\s*([^{}@\n]+)\{", CSS, re.MULTILINE)
    assert len(selectors) > 20
    assert all(
        part.strip().startswith(".lenszoo-report") for s in selectors for part in s.split(",")
    )


def test_every_colour_that_is_used_is_set_for_light_and_dark():
    used = set(re.findall(r"var\((--[a-z-]+)\)", CSS))
    light, dark = (set(re.findall(r"(--[a-z-]+):", part)) for part in CSS.split("@media", 2)[:2])
    assert used == light == dark


def test_headings_of_wide_tables_break_before_columns_are_hidden():
    (rule,) = re.findall(r"^\.lenszoo-report thead th \{([^}]*)\}", CSS, re.MULTILINE)
    assert "white-space: normal" in rule
