"""Sellers and customers of the month, with the untidiness of real master data."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from billing_local.month.model import Customer, OwnAccount, Seller

_STEMS = """Aalto Amsel Birke Bosch Cassis Corvin Delta Dorn Eiche Elster Falke Ferro Gamma Garten
Hafen Helios Iris Isar Jasmin Juno Kastell Kranich Laurin Linde Magnolia Merkur Nadel Nimbus Oktav
    Orion
Pallas Pappel Quarz Quelle Rabe Regen Saturn Silber Tanne Tessera Ulme Umbra Vega Viola Weide Wolke
Zeder Zirkon""".split()
_TRADES = """Anlagenbau Apparate Bau Druck Elektro Feinkost Getriebe Handel Hydraulik Logistik
Maschinen Medizintechnik Mode Optik Papier Reisen Solar Textil Verlag Werkzeuge""".split()
_FORMS = {"DE": "GmbH", "FR": "S.A.R.L.", "NL": "B.V.", "AT": "GmbH & Co. KG", "JP": "K.K."}
_JAPANESE = """Akita Asahi Chiba Daito Fuji Hakuba Ise Izumi Kaede Kansai Kita Minato Mori Nagano
Nara Oki Sakura Sendai Taiyo Umeda Yamato Yokohama""".split()
_KANA = dict(
    zip(
        _JAPANESE,
        """ｱｷﾀ ｱｻﾋ ﾁﾊﾞ ﾀﾞｲﾄｳ ﾌｼﾞ ﾊｸﾊﾞ ｲｾ ｲｽﾞﾐ ｶｴﾃﾞ ｶﾝｻｲ ｷﾀ
        ﾐﾅﾄ ﾓﾘ ﾅｶﾞﾉ ﾅﾗ ｵｷ ｻｸﾗ ｾﾝﾀﾞｲ ﾀｲﾖｳ ｳﾒﾀﾞ ﾔﾏﾄ ﾖｺﾊﾏ""".split(),
        strict=True,
    )
)
_FOLDED = str.maketrans({"ä": "AE", "ö": "OE", "ü": "UE", "ß": "SS", "é": "E", "è": "E"})

#: Of a hundred customers: whose account is on file, and who shares it with a sister firm.
_KNOWN_PERCENT, _SHARED_PERCENT = 68, 16


@dataclass(frozen=True, slots=True)
class _Firm:
    key: str
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    tax_id: str
    time_zone: str
    base_currency: str
    tax_rates: tuple[str, ...]


_FIRMS = (
    _Firm(
        "nordlicht", "Nordlicht Maschinenbau GmbH", "Hafenstraße 7", "20457", "Hamburg", "DE",
        "DE811907980", "Europe/Berlin", "EUR", ("19", "7"),
    ),
    _Firm(
        "sakura", "Sakura Denshi K.K.", "2-11-3 Meguro", "153-0063", "Tokyo", "JP",
        "T1234567890123", "Asia/Tokyo", "JPY", ("10", "8"),
    ),
    _Firm(
        "lumiere", "Lumière & Fils SAS", "14 rue des Carmes", "44000", "Nantes", "FR",
        "FR40303265045", "Europe/Paris", "EUR", ("20", "5.5"),
    ),
)  # fmt: skip


def sellers(rng: Random, seed: int) -> list[Seller]:
    """Three tenants, each with a EUR and a JPY account; the ids hang on the seed."""
    return [
        Seller(
            key=firm.key,
            tenant_id=uuid5(NAMESPACE_URL, f"sample month {seed} {firm.key}"),
            name=firm.name,
            street=firm.street,
            postal_code=firm.postal_code,
            city=firm.city,
            country=firm.country,
            tax_id=firm.tax_id,
            time_zone=firm.time_zone,
            base_currency=firm.base_currency,
            tax_rates=firm.tax_rates,
            accounts=(
                OwnAccount(iban(rng, "DE"), "EUR", "HAFEDEFFXXX", _VERSIONS[at], 1_250_000),
                OwnAccount(iban(rng, "FR"), "JPY", "SAKUFRPPXXX", _VERSIONS[at - 1], 98_000_000),
            ),
        )
        for at, firm in enumerate(_FIRMS)
    ]


_VERSIONS: tuple[Literal["02", "04", "08"], ...] = ("02", "08", "04")


def iban(rng: Random, country: str) -> str:
    """An account number of a plausible length with good check digits."""
    length = {"DE": 18, "FR": 23, "NL": 10, "AT": 16}.get(country, 18)
    body = "".join(str(rng.randrange(10)) for _ in range(length))
    if country == "NL":
        body = "ABNA" + body
    digits = "".join(str(int(char, 36)) for char in f"{body}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{body}"


def customers(rng: Random, seller: Seller, count: int, wanderer: str) -> list[Customer]:
    """`count` customers; the first pays from `wanderer`, an account other tenants meet as well.

    Sister firms stand next to each other and share one account, which therefore names nobody.
    """
    japanese = seller.country == "JP"
    found: list[Customer] = []
    shared: str | None = None
    for at in range(count):
        country = "JP" if japanese else rng.choice(("DE", "DE", "FR", "NL", "AT"))
        name, aliases = _named(rng, country, at)
        kind = rng.randrange(100)
        pays_from = iban(rng, "DE" if country == "JP" else country)
        on_file: tuple[str, ...] = ()
        known = shared is None and (at == 0 or kind < _KNOWN_PERCENT)
        if shared is not None:
            pays_from, on_file, shared = shared, (shared,), None
        elif known:
            pays_from = wanderer if at == 0 else pays_from
            on_file = (
                _typed(rng, pays_from),
                *([_typed(rng, iban(rng, "DE"))] if at % 5 == 2 else []),
            )
        elif kind < _KNOWN_PERCENT + _SHARED_PERCENT and at + 1 < count:
            shared, on_file = pays_from, (_typed(rng, pays_from),)
        found.append(
            Customer(
                ref=f"K-{at + 1:04d}",
                name=name,
                aliases=aliases,
                country=country,
                email=f"rechnung{at + 1}@{seller.key}-kunde.example",
                bank_accounts=on_file,
                pays_from=pays_from,
                known=known,
                net_days=rng.choice((14, 30, 30, 30, 60)),
            )
        )
    return found


def payer_name(rng: Random, customer: Customer) -> str:
    """The customer as its bank prints it: in capitals, cut short, an alias, words reversed."""
    name = rng.choice((customer.name, customer.name, *customer.aliases))
    match rng.randrange(6):
        case 0:
            return name.translate(_FOLDED).upper()
        case 1:
            return name[: rng.randrange(12, 28)].strip()
        case 2:
            return f"  {name.replace(' ', '  ')} "
        case 3:
            return " ".join(reversed(name.split()))
        case _:
            return name


def _named(rng: Random, country: str, at: int) -> tuple[str, tuple[str, ...]]:
    if country == "JP":
        word = _JAPANESE[at % len(_JAPANESE)]
        trade = rng.choice(("Shoji", "Kogyo", "Denki", "Seisakusho"))
        return f"{word} {trade} K.K.", (f"ｶ){_KANA[word]}", f"{word} {trade}")
    stem, trade = _STEMS[(at * 7) % len(_STEMS)], rng.choice(_TRADES)
    name = f"{stem} {trade} {_FORMS[country]}"
    ways: Sequence[str] = (f"{stem} {trade}", f"{stem[:3].upper()}-{trade}", f"Fa. {stem}")
    return name, tuple(rng.sample(ways, rng.randrange(3)))


def _typed(rng: Random, account: str) -> str:
    """An account as a clerk typed it: in groups of four, in lower case, or clean."""
    if rng.random() < 0.5:
        return account
    spaced = " ".join(account[at : at + 4] for at in range(0, len(account), 4))
    return spaced.lower() if rng.random() < 0.2 else spaced
