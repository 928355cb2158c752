"""The walk as steps that may be interrupted anywhere and done again: what each does, and how to see that it is done."""
import dataclasses
import json
import subprocess
from collections.abc import Callable

from tests.host_walk.house import TENANT, House

LISTS = {"tenant": "tenants", "vendor": "vendors", "device": "devices", "release": "releases",
         "release-key": "release_keys", "token": "tokens"}
NOT_LASTING = ("connected",)  # true of this moment, not of the registry


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    act: Callable[[House], subprocess.CompletedProcess]
    done: Callable[[House], bool]
    audited: str | None = None  # the audit entry that it leaves, once


def known(house, kind):
    """What the service knows of this kind, by identity."""
    items = json.loads(house.cli(kind, "list", "-o", "json"))[LISTS[kind]]
    found = {}
    for item in items:
        for name in NOT_LASTING:
            item.pop(name, None)
        found[next(item[key] for key in ("id", "fingerprint", "name") if key in item)] = item
    return found


def everything(house):
    return {kind: known(house, kind) for kind in LISTS}


def the_device(house):
    devices = list(known(house, "device").values())
    return devices[0] if devices else {"state": "none", "activated": False}


def add_vendor(house):
    return house.try_cli("vendor", "add", house.tpm.vendor_root, "--name", "virtual")


def create_tenant(house):
    return house.try_cli("tenant", "create", TENANT)


def claim(house):
    return house.try_cli("device", "claim", house.folder / "device/voucher.txt", "--tenant", TENANT)


def add_release_key(house):
    return house.try_cli("release-key", "add", house.folder / "release.key.pub", "--name", "test")


def add_release(house):
    return house.try_cli("release", "add", house.folder / "release.json", house.folder / "release.sig")


def create_token(house):
    return house.try_cli("token", "create", "reader", "--role", "reader")


def remove_token(house):
    return house.try_cli("token", "remove", "reader")


def update_twin(house):
    return house.try_cli("twin", "update", house.device, "--set", "telemetry_interval_s=1")


def desired(house):
    return json.loads(house.cli("twin", "show", house.device, "-o", "json"))["desired"]


STEPS = (
    Step("vendor", add_vendor, lambda house: bool(known(house, "vendor")), "vendor.add"),
    Step("tenant", create_tenant, lambda house: TENANT in known(house, "tenant"), "tenant.create"),
    Step("factory", House.try_factory, lambda house: the_device(house)["activated"], "device.activate"),
    Step("claim", claim, lambda house: the_device(house)["state"] not in ("none", "unclaimed"),
         "device.claim"),
    Step("release key", add_release_key, lambda house: bool(known(house, "release-key")), "release.add_key"),
    Step("release", add_release, lambda house: bool(known(house, "release")), "release.add"),
    Step("token", create_token, lambda house: "reader" in known(house, "token"), None),
    Step("token removed", remove_token, lambda house: "reader" not in known(house, "token"), "token.remove"),
    Step("twin", update_twin, lambda house: desired(house).get("telemetry_interval_s") == 1),
    Step("disable", lambda house: house.try_cli("device", "disable", house.device),
         lambda house: not the_device(house)["enabled"], "device.disable"),
    Step("enable", lambda house: house.try_cli("device", "enable", house.device),
         lambda house: the_device(house)["enabled"], "device.enable"),
)


def finish(house):
    """Whatever of the walk is not done yet, then the device attests and speaks."""
    for step in STEPS:
        if step.name in ("token", "token removed", "disable") or step.done(house):
            continue
        answer = step.act(house)
        if answer.returncode != 0:
            raise AssertionError(f"{step.name}: {answer.stderr}")
    house.switch_on()
    house.agent_says("telemetry 1 acknowledged")
    house.switch_off()
