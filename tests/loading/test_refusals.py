"""Each way in which a plugin cannot be used, and what the operator reads then."""

from __future__ import annotations

import pytest

from submariner_core.api.errors import PluginError
from submariner_core.api.info import Role
from submariner_core.config import Settings
from submariner_core.loading import load
from submariner_core.loading.distributions import FIRST_PARTY
from tests.loading.site import IMPORTS, Site, cable_only, whole


@pytest.fixture(autouse=True)
def _stores(site: Site) -> None:
    site.plugin(whole("twin"), "twin", ("election", "broker", "route", "extension"))


def settings(cable: str = "fake") -> Settings:
    plugins = {"cable": [cable], "election": "twin", "datastore": "twin"}
    return Settings.model_validate({"cluster_id": "east", "plugins": plugins})


def refusal(cable: str = "fake") -> str:
    with pytest.raises(PluginError) as caught:
        load(settings(cable))
    return str(caught.value)


CABLE = cable_only("fake")
DRIVER = """
@hookimpl
def submariner_cable_driver(name, options, state_dir):
    return None
"""


def test_an_unknown_name_says_what_is_installed_and_what_was_meant(site: Site) -> None:
    site.plugin(whole("fake"))
    message = refusal("fakr")
    assert "there is no cable plugin 'fakr'; did you mean 'fake'?" in message
    assert "fake (submariner-fake 1.2.3)" in message
    assert message.startswith("plugins.cable[0]: ")


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name of ours that is not installed, as all real ones are here."""
    monkeypatch.setitem(FIRST_PARTY, (Role.CABLE.group, "semaphore"), "submariner-semaphore")
    return "semaphore"


def test_a_name_of_ours_that_is_absent_says_how_to_install_it(absent: str) -> None:
    assert "to get it: pip install submariner-semaphore" in refusal(absent)


@pytest.mark.usefixtures("absent")
def test_a_misspelt_name_of_ours_says_how_to_install_what_was_meant() -> None:
    message = refusal("semaphone")
    assert "did you mean 'semaphore'? (to get it: pip install submariner-semaphore)" in message


def test_a_name_that_plays_another_part_is_told_apart() -> None:
    assert "'twin' is an election plugin" in refusal("twin")


def test_a_broken_import_names_the_distribution_and_the_cause(site: Site) -> None:
    site.plugin("import module_that_is_not_there\n")
    message = refusal()
    assert "cable plugin 'fake' (submariner-fake 1.2.3)" in message
    assert "No module named 'module_that_is_not_there'" in message
    assert "reinstall submariner-fake" in message


def test_an_assertion_at_import_is_a_broken_import_too(site: Site) -> None:
    site.plugin("assert False, 'not on this machine'\n")
    assert "AssertionError: not on this machine" in refusal()


def test_an_entry_point_that_names_no_module_is_refused(site: Site) -> None:
    points = {"submariner.cable": ["fake = fake_plugin:PLUGIN"]}
    site.install("submariner-fake", points, {"fake_plugin": "PLUGIN = 1\n"})
    assert "'fake_plugin:PLUGIN' must name a module" in refusal()


def test_two_distributions_that_claim_one_name_are_both_named(site: Site) -> None:
    # another name stands between the two: only adjacent duplicates are found by stevedore
    for distribution, names in (("one", ("fake", "zebra")), ("two", ("fake",))):
        points = [f"{name} = {distribution}_plugin" for name in names]
        module = {f"{distribution}_plugin": whole("fake")}
        site.install(f"submariner-{distribution}", {"submariner.cable": points}, module)
    message = refusal()
    assert "declared by submariner-one 1.2.3 and submariner-two 1.2.3" in message
    assert "uninstall all but one" in message


def test_a_misspelt_hook_is_refused_with_the_hook_that_was_meant(site: Site) -> None:
    site.plugin(CABLE + DRIVER.replace("cable_driver", "cable_drvier"))
    message = refusal()
    assert "there is no hook 'submariner_cable_drvier'" in message
    assert "did you mean 'submariner_cable_driver'?" in message


def test_a_wrong_argument_is_refused_by_its_name(site: Site) -> None:
    site.plugin(CABLE + DRIVER.replace("state_dir", "folder"))
    message = refusal()
    assert "submariner-fake 1.2.3" in message
    assert "submariner_cable_driver" in message
    assert "{'folder'}" in message


def test_a_hook_without_its_marker_is_refused(site: Site) -> None:
    site.plugin(CABLE + DRIVER.replace("@hookimpl", ""))
    assert "submariner_cable_driver lacks @hookimpl" in refusal()


def test_an_async_hook_is_refused(site: Site) -> None:
    site.plugin(CABLE + DRIVER.replace("def ", "async def "))
    assert "submariner_cable_driver is async" in refusal()


@pytest.mark.parametrize(
    ("version", "stale"),
    [
        ("(2, 0)", "submariner-core"),
        ("(1, 7)", "submariner-core"),
        ("(0, 9)", "submariner-fake"),
    ],
)
def test_another_api_version_is_refused_with_both_numbers(
    site: Site, version: str, stale: str
) -> None:
    site.plugin(whole("fake").replace("(1, 0)", version))
    numbers = version.strip("()").replace(", ", ".")
    message = refusal()
    assert f"made for plugin API {numbers}, this core has 1.0; upgrade {stale}" in message


def test_a_hook_of_a_later_api_is_answered_with_the_version(site: Site) -> None:
    later = "\n@hookimpl\ndef submariner_tomorrow():\n    pass\n"
    site.plugin(whole("fake").replace("(1, 0)", "(1, 1)") + later)
    assert "made for plugin API 1.1, this core has 1.0" in refusal()


def test_a_plugin_without_identity_is_refused(site: Site) -> None:
    site.plugin(IMPORTS + DRIVER)
    assert "implements no submariner_plugin_info" in refusal()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return {'name': 'fake'}", "must return one PluginInfo"),
        ("return None", "must return one PluginInfo"),
        ("raise OSError('no such card')", "submariner_plugin_info raised OSError('no such card')"),
    ],
)
def test_an_identity_that_is_none_is_refused(site: Site, body: str, words: str) -> None:
    site.plugin(IMPORTS + f"@hookimpl\ndef submariner_plugin_info():\n    {body}\n" + DRIVER)
    assert words in refusal()


def test_a_plugin_that_does_not_own_the_name_is_refused(site: Site) -> None:
    site.plugin(whole("other"))
    message = refusal()
    assert "provides no cable 'fake', only other" in message


def test_a_bare_string_of_names_is_refused(site: Site) -> None:
    site.plugin(whole("fake").replace('("fake",) for role', '"fake" for role'))
    assert "write ('fake',)" in refusal()


def test_a_part_without_its_factory_is_refused_before_anything_runs(site: Site) -> None:
    site.plugin(CABLE)
    assert "implements no submariner_cable_driver" in refusal()


def test_a_model_that_is_no_options_model_is_refused(site: Site) -> None:
    site.plugin(whole("fake").replace('"fake": PortOptions', '"fake": dict'))
    assert "the options model of 'fake' must derive from" in refusal()
