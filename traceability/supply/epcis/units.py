"""Units: codes of UN/ECE Recommendations 20 and 21, and what they come to in a base unit.

Units of one dimension are added and compared in its base unit; numbers are exact fractions, and
where the recommendation rounds a factor, the definition of the unit stands here. A unit that is
like no other (a case, a litre of pure alcohol, a kilogram of drained weight) is a dimension of its
own, named by its code: how much is in it is not said anywhere.

A code of Recommendation 21 (packages) is written with an ``X`` before it (``XCS``, a case); trade
often leaves that out, and ``CS`` is understood too. Not where the bare code looks like another
unit: ``KG`` would be a keg.

Source: UN/ECE Recommendation 20 revision 17 (2021), annexes I to III; Recommendation 21 revision 12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from traceability.errors import StatementError

MASS: Final = "mass"
VOLUME: Final = "volume"
COUNT: Final = "count"


@dataclass(frozen=True, slots=True)
class Unit:
    """``base = number * factor + offset``, in the base unit of ``dimension``."""

    dimension: str
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


_FACTORS: Final[Mapping[str, str]] = {
    MASS: (
        "KGM 1 GRM 0.001 MGM 1e-6 MC 1e-9 CGM 1e-5 DG 1e-4 DJ 0.01 HGM 0.1 DTN 100 TNE 1000 2U 1000 KTN 1e6 "
        "58 1 KNS 1 HKM 100 LBR 0.45359237 ONZ 0.028349523125 OZ 0.028349523125 GRN 0.00006479891 "
        "STI 6.35029318 QTR 12.70058636 CWA 45.359237 CNT 45.359237 CWI 50.80234544 STN 907.18474 "
        "LTN 1016.0469088 APZ 0.0311034768 LBT 0.3732417216 DWT 0.00155517384 SCR 0.0012959782 "
        "DRA 0.0038879346 DRI 0.0017718451953125 CTM 0.0002 M86 0.5"
    ),
    VOLUME: (
        "LTR 1 MLT 0.001 CLT 0.01 DLT 0.1 A44 10 HLT 100 K6 1000 MAL 1e6 4G 1e-6 "
        "MTQ 1000 DMQ 1 CMQ 0.001 MMQ 1e-6 DMA 1e6 H19 1e9 G26 1000 FF 1e5 R9 1e6 HMQ 1e9 "
        "INQ 0.016387064 FTQ 28.316846592 YDQ 764.554857984 HH 2831.6846592 FC 28316.846592 "
        "GLI 4.54609 PTI 0.56826125 QTI 1.1365225 GII 0.1420653125 OZI 0.0284130625 L43 9.09218 "
        "BUI 36.36872 B4 163.65924 J57 159.11315 GLL 3.785411784 WG 3.785411784 PTL 0.473176473 "
        "PT 0.473176473 QTL 0.946352946 QT 0.946352946 GIA 0.11829411825 OZA 0.0295735295625 "
        "G21 0.2365882365 G24 0.01478676478125 G25 0.00492892159375 BLL 158.987294928 "
        "GLD 4.40488377086 PTD 0.5506104713575 QTD 1.101220942715 G23 8.80976754172 "
        "BUA 35.23907016688 BLD 115.627123584"
    ),
    COUNT: (
        "H87 1 C62 1 EA 1 NAR 1 HEA 1 PR 2 NPR 2 TPR 20 DPR 24 DZN 12 DPC 12 SCO 20 CEN 100 HC 100 GRO 144 "
        "GGR 1728 MIL 1000 T3 1000 MIO 1e6 MLD 1e9 BIL 1e12 P1 0.01 NX 0.001 59 1e-6 61 1e-9"
    ),
    "length": (
        "MTR 1 DMT 0.1 CMT 0.01 MMT 0.001 4H 1e-6 C45 1e-9 A45 10 HMT 100 KMT 1000 LM 1 JPS 100 INH 0.0254 "
        "FOT 0.3048 LF 0.3048 YRD 0.9144 LY 0.9144 SMI 1609.344 NMI 1852 AK 1.8288"
    ),
    "area": (
        "MTK 1 DMK 0.01 CMK 0.0001 MMK 1e-6 KMK 1e6 DAA 1000 ARE 100 H16 100 HAR 10000 H18 10000 "
        "INK 0.00064516 FTK 0.09290304 YDK 0.83612736 ACR 4046.8564224 MIK 2589988.110336"
    ),
    "time": "SEC 1 C26 0.001 B98 1e-6 MIN 60 HUR 3600 DAY 86400 WEE 604800",
    "pressure": "PAL 1 A97 100 KPA 1000 MPA 1e6 BAR 100000 MBR 100 ATM 101325 74 0.001",
    "speed": "MTS 1 KMH 5/18 HM 0.44704 KNT 463/900 C16 0.001 2M 0.01 FS 0.3048 IU 0.0254",
    "acceleration": "MSK 1 K40 9.80665",
    "density": "KMQ 1 A93 0.001 GL 1 23 1000 B35 1000 GJ 1000 D41 1000 M1 0.001 H29 1e-6 GP 1e-6 GQ 1e-9",
    "concentration": "C36 1 C35 1000 C38 1000 M33 1",
    "energy": "JOU 1 KJO 1000 3B 1e6 GV 1e9 WHR 3600 KWH 3600000 MWH 3.6e9 D60 4.1868 E14 4186.8",
    "power": "WTT 1 KWT 1000 MAW 1e6 C31 0.001",
    "angle": "DD 1 D61 1/60 D62 1/3600",
    "voltage": "VLT 1 2Z 0.001 KVT 1000",
    "current": "AMP 1 4K 0.001",
    "frequency": "HTZ 1 KHZ 1000 MHZ 1e6",
    "illuminance": "LUX 1 KLX 1000",
}
"""By dimension: codes, each with what one of it is in the base unit, which is the first."""

_TEMPERATURES: Final[Mapping[str, Unit]] = {
    "KEL": Unit("temperature"),
    "CEL": Unit("temperature", offset=Fraction("273.15")),
    "FAH": Unit("temperature", Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "A48": Unit("temperature", Fraction(5, 9)),
}

_OTHERS: Final = (
    # Weights and volumes of a part or a state of the goods, and what sugar and alcohol are measured in.
    "E4 KDW KIC KIP KSD MND W2 TMS GDW GIC GIP HDW TIC TIP CTG CTN CCT DT E28 MD WE DB WB 24 27 LP FL "
    "LPA HPA PFL PGL ASM ASU STL DMO EQ J13 J14 J15 J16 J17 J18 J27 J31 ISD PLA KLK LAC NM3 SM3 "
    "KCC KHY KMA KNI KPH KPO KPP KSH KUR KWO "
    # Things that are counted, of no given size.
    "10 11 13 14 15 20 21 5B AA AB ACT AS AY B7 CG CLF CNP D63 D65 DEC DRL DZP E12 E22 E23 E25 E27 E48 E51 "
    "E53 E54 E55 H21 HBX HIU IE IUG KA KT LEF LN LO LR LS MBE MIU NCL NIL NIU NL NMP NPT OA P5 PD PTN Q3 "
    "QR RM ROM SET SQ SR STC STK STW SX SYR TP TST TTS U1 U2 Z11 ZP ZZ "
    # What is measured rather than traded, and two-letter codes that Recommendation 21 has as well.
    "MON ANN DAD QAN SAN PS K53 BTU GWH 60 VP C34 C18 NA J33 H64 M29 28 GM MQH MQS LD E32 L2 G51 E93 LUM "
    "CDL C81 Q30 BQL E09 AMH FR IV BB BP DN FP GB GE GF GO IA KB KI KJ KL KO KR KW KX LA LH LK M4 M5 M7 M9 "
    "NF NT NU ON OT PI PO PQ QA QB R1 RH RP RT SG SW TI UB UC VA WA WM"
)
"""Codes of Recommendation 20 that are like no other."""

_PACKAGES: Final = (
    "1A 1B 1D 1F 1G 1W 2C 3A 3H 43 44 4A 4B 4C 4D 4F 4G 4H 5H 5L 5M 6H 6P 7A 7B 8A 8B 8C AA AB AC AD AE AF "
    "AG AH AI AJ AL AM AP AT AV B4 BA BB BC BD BE BF BG BH BI BJ BK BL BM BN BO BP BQ BR BS BT BU BV BW BX "
    "BY BZ CA CB CC CD CE CF CG CH CI CJ CK CL CM CN CO CP CQ CR CS CT CU CV CW CX CY CZ DA DB DC DG DH DI "
    "DJ DK DL DM DN DP DR DS DT DU DV DW DX DY EC ED EE EF EG EH EI EN FB FC FD FE FI FL FO FP FR FT FW FX "
    "GB GI GL GR GU GY GZ HA HB HC HG HN HR IA IB IC ID IE IF IG IH IK IL IN IZ JB JC JG JR JT JY KG KI LE "
    "LG LT LU LV LZ MA MB MC ME MR MS MT MW MX NA NE NF NG NS NT NU NV O1 O2 O3 O4 O5 O6 O7 O8 O9 OA OB OC "
    "OD OE OF OG OH OI OJ OK OL OM ON OP OQ OR OS OT OU OV OW OX OY OZ P1 P2 P3 P4 PA PB PC PD PE PF PG PH "
    "PI PJ PK PL PN PO PP PR PT PU PV PX PY PZ QA QB QC QD QF QG QH QJ QK QL QM QN QP QQ QR QS RD RG RJ RK "
    "RL RO RT RZ SA SB SC SD SE SH SI SK SL SM SO SP SS ST SU SV SW SX SY SZ T1 TB TC TD TE TG TI TK TL TN "
    "TO TR TS TT TU TV TW TY TZ UC UN VA VG VI VK VL VN VO VP VQ VR VS VY WA WB WC WD WF WG WH WJ WK WL WM "
    "WN WP WQ WR WS WT WU WV WW WX WY WZ XA XB XC XD XF XG XH XJ XK YA YB YC YD YF YG YH YJ YK YL YM YN YP "
    "YQ YR YS YT YV YW YX YY YZ ZA ZB ZC ZD ZF ZG ZH ZJ ZK ZL ZM ZN ZP ZQ ZR ZS ZT ZU ZV ZW ZX ZY ZZ"
)
"""Codes of Recommendation 21."""

_MISTAKEN: Final[Mapping[str, str]] = {
    "KG": "KGM", "KGS": "KGM", "GR": "GRM", "LB": "LBR", "LBS": "LBR", "TN": "TNE", "TO": "TNE",
    "TON": "TNE", "MT": "TNE", "LT": "LTR", "LTS": "LTR", "CL": "CLT", "DL": "DLT", "ML": "MLT",
    "HL": "HLT", "GA": "GLL", "BU": "BUA or BUI", "CM": "CMT", "MM": "MMT", "FT": "FOT", "IN": "INH",
    "PC": "H87", "PCS": "H87", "PCE": "H87",
}  # fmt: skip
"""What people write for a unit whose code is another."""


def _table() -> dict[str, Unit]:
    """Every code; a bare one that both recommendations have is Recommendation 20's."""
    packages = {code: Unit("X" + code) for code in _PACKAGES.split()}
    table = packages | {"X" + code: unit for code, unit in packages.items()}
    table |= {code: Unit(code) for code in _OTHERS.split()}
    table |= _TEMPERATURES
    for dimension, text in _FACTORS.items():
        words = text.split()
        pairs = zip(words[::2], words[1::2], strict=True)
        table |= {code: Unit(dimension, Fraction(factor)) for code, factor in pairs}
    return {code: unit for code, unit in table.items() if code not in _MISTAKEN}


UNITS: Final[Mapping[str, Unit]] = _table()
"""By their codes."""


def known(code: str) -> bool:
    """Whether a quantity may be given in this unit."""
    return code in UNITS


def wanted(code: str) -> str:
    """What to write in place of an unknown code, as a phrase."""
    meant = _MISTAKEN.get(code.upper().rstrip("."))
    hint = f" ({meant} is meant, perhaps)" if meant else ""
    return f"a unit of UN/ECE Recommendation 20 such as KGM, LTR or H87{hint}"


def convert(quantity: int | Decimal, code: str | None) -> tuple[str, Fraction]:
    """A quantity as dimension and amount, so that those of one dimension can be added.

    Args:
        quantity: finite.
        code: None for a count of the things themselves, as EPCIS means it.

    Returns:
        ``("mass", kilograms)``, ``("volume", litres)``, ``("count", pieces)`` and so on; a unit
        that is like no other gives its code (``XCS`` for a case, however it was written) and the
        quantity itself.

    Raises:
        StatementError: the unit is not known.
    """
    if code is None:
        return COUNT, Fraction(quantity)
    unit = UNITS.get(code)
    if unit is None:
        raise StatementError(f"unknown unit {code[:16]!r}: expected {wanted(code)}")
    return unit.dimension, Fraction(quantity) * unit.factor + unit.offset


def in_base_unit(number: Fraction, unit: str, asked: str, *, difference: bool = False) -> Fraction | None:
    """A number in ``unit``, in the base unit that it shares with ``asked``; None if they share none.

    Args:
        difference: it is one between two measurements (a standard deviation), so that zero is zero
            in every unit: a temperature's zero point does not count.
    """
    if unit == asked and unit not in UNITS:
        return number
    found, other = UNITS.get(unit), UNITS.get(asked)
    if found is None or other is None or found.dimension != other.dimension:
        return None
    return number * found.factor + (0 if difference else found.offset)
