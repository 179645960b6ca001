"""The catalog: name → module. A line here makes a provider available everywhere."""

from collections.abc import Mapping

from arrivals.providers import aihubmix, eachlabs, laozhang, runblob, seacloud, vtrix
from arrivals.providers.contract import Provider

PROVIDERS: Mapping[str, Provider] = {
    "aihubmix": aihubmix,
    "eachlabs": eachlabs,
    "laozhang": laozhang,
    "runblob": runblob,
    "seacloud": seacloud,
    "vtrix": vtrix,
}
