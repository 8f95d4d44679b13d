"""The site's certificate: what is wrong with it is said before anything starts."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from traceability.certificates import Authority
from traceability.commands.doctor import check_certificate
from traceability.errors import SettingsError
from traceability.settings import RunSettings, environment, load
from traceability.sitecertificate import authority_of, make_local, read_pair

NOW = datetime.now(UTC)


def pair(folder: Path, *hosts: str) -> tuple[Path, Path]:
    Authority(folder).server(hosts or ("trace.farm.example",), 90)
    return folder / "server.pem", folder / "server.key"


def test_a_pair_says_until_when_and_for_whom(tmp_path: Path):
    found = read_pair(*pair(tmp_path, "trace.farm.example", "*.food.example", "192.0.2.7"), NOW)
    assert timedelta(days=89) < found.until - NOW < timedelta(days=91)
    assert found.is_for("Trace.farm.example")
    assert found.is_for("a.food.example")
    assert found.is_for("192.0.2.7")
    assert not found.is_for("a.b.food.example")
    assert not found.is_for("farm.example")


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path):
    one, other = pair(tmp_path / "one"), pair(tmp_path / "other")
    with pytest.raises(SettingsError, match="is not the key of") as refused:
        read_pair(one[0], other[1], NOW)
    assert "docs/https.md" in refused.value.remedy()
    for wrong in ((one[1], one[1]), (one[0], one[0]), (tmp_path / "none", one[1])):
        with pytest.raises(SettingsError, match="FT_TLS_CERT"):
            read_pair(*wrong, NOW)


@pytest.mark.parametrize("days", [-1, 91])
def test_one_that_is_not_valid_now_is_refused(tmp_path: Path, days: int):
    with pytest.raises(SettingsError, match="not now") as refused:
        read_pair(*pair(tmp_path), NOW + timedelta(days=days))
    assert "Renew" in refused.value.remedy()


def test_both_settings_or_none_and_links_begin_with_https_then(tmp_path: Path):
    certificate, key = pair(tmp_path)
    environ = {"FT_TLS_CERT": str(certificate), "FT_TLS_KEY": str(key), "FT_HOST": "dali.example"}
    here = load(RunSettings, environ)
    assert here.base_url == "https://dali.example:8000"
    assert load(RunSettings, environment(here)) == here
    for half in ("FT_TLS_CERT", "FT_TLS_KEY"):
        with pytest.raises(SettingsError, match="go together"):
            load(RunSettings, {name: value for name, value in environ.items() if name != half})
    with pytest.raises(SettingsError, match=r"FT_TLS_KEY=.*no such file"):
        load(RunSettings, environ | {"FT_TLS_KEY": str(tmp_path / "none")})


def test_the_local_authority_is_kept_and_its_certificate_made_anew_for_a_new_name(tmp_path: Path):
    here = load(RunSettings, {"FT_DATA": str(tmp_path)})
    certificate, key = make_local(here)
    first = certificate.read_bytes()
    found = read_pair(certificate, key, NOW)
    assert found.names >= {"localhost", "127.0.0.1"}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert make_local(here) == (certificate, key)
    assert certificate.read_bytes() == first
    authority = (certificate.parent / "ca.pem").read_bytes()
    make_local(load(RunSettings, {"FT_DATA": str(tmp_path), "FT_BASE_URL": "https://farm.example"}))
    assert read_pair(certificate, key, NOW).is_for("farm.example")
    assert (certificate.parent / "ca.pem").read_bytes() == authority
    own = load(
        RunSettings, {"FT_DATA": str(tmp_path), "FT_TLS_CERT": str(certificate), "FT_TLS_KEY": str(key)}
    )
    assert authority_of(own) == certificate.parent / "ca.pem"
    assert authority_of(here) is None


def test_the_doctor_sees_what_browsers_will_refuse(tmp_path: Path):
    certificate, key = pair(tmp_path, "farm.example")
    ok, mode = check_certificate(certificate, key, "farm.example", NOW)
    assert (ok.level, mode.level) == ("ok", "ok")
    soon = check_certificate(certificate, key, "farm.example", NOW + timedelta(days=80))[0]
    assert (soon.level, "Renew" in soon.remedy) == ("warn", True)
    assert check_certificate(certificate, key, "other.example", NOW)[0].level == "warn"
    assert check_certificate(certificate, key, "farm.example", NOW + timedelta(days=91))[0].level == "fail"
    key.chmod(0o644)
    assert check_certificate(certificate, key, "farm.example", NOW)[1].level == "fail"
