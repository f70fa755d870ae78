"""Countries as catalogues and people write them, and the regions they are in.

Regions are the sub-regions of UN M49, which say what is near; but Europe and Oceania are whole, as each is one market
and many small countries. A table of our own: packages with all of ISO 3166 bring its names in a hundred languages,
20 MB of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

MAX_LETTERS = 500
"""That are looked at: a country of origin isn't a page."""

# alpha-2, alpha-3, name for display, and what else it is called.
_TABLE = {
    "Northern America": """
        US USA United States: united states of america, u s, u s a, america, estados unidos, etats unis, usa us
        CA CAN Canada
        BM BMU Bermuda
        GL GRL Greenland
        PM SPM Saint Pierre and Miquelon
    """,
    "Latin America and the Caribbean": """
        MX MEX Mexico: united mexican states
        AG ATG Antigua and Barbuda
        AI AIA Anguilla
        AR ARG Argentina
        AW ABW Aruba
        BB BRB Barbados
        BL BLM Saint Barthélemy
        BO BOL Bolivia: plurinational state of bolivia
        BQ BES Bonaire, Sint Eustatius and Saba: bonaire
        BR BRA Brazil: brasil
        BS BHS Bahamas
        BV BVT Bouvet Island
        BZ BLZ Belize
        CL CHL Chile
        CO COL Colombia
        CR CRI Costa Rica
        CU CUB Cuba
        CW CUW Curaçao
        DM DMA Dominica
        DO DOM Dominican Republic
        EC ECU Ecuador
        FK FLK Falkland Islands: malvinas
        GD GRD Grenada
        GF GUF French Guiana
        GP GLP Guadeloupe
        GS SGS South Georgia and the South Sandwich Islands
        GT GTM Guatemala
        GY GUY Guyana
        HN HND Honduras
        HT HTI Haiti
        JM JAM Jamaica
        KN KNA Saint Kitts and Nevis
        KY CYM Cayman Islands
        LC LCA Saint Lucia
        MF MAF Saint Martin
        MQ MTQ Martinique
        MS MSR Montserrat
        NI NIC Nicaragua
        PA PAN Panama
        PE PER Peru
        PR PRI Puerto Rico
        PY PRY Paraguay
        SR SUR Suriname
        SV SLV El Salvador
        SX SXM Sint Maarten
        TC TCA Turks and Caicos Islands
        TT TTO Trinidad and Tobago
        UY URY Uruguay
        VC VCT Saint Vincent and the Grenadines
        VE VEN Venezuela: bolivarian republic of venezuela
        VG VGB British Virgin Islands: virgin islands british
        VI VIR U.S. Virgin Islands: us virgin islands, virgin islands
    """,
    "Europe": """
        AD AND Andorra
        AL ALB Albania
        AT AUT Austria: osterreich
        AX ALA Åland Islands
        BA BIH Bosnia and Herzegovina: bosnia
        BE BEL Belgium: belgique, belgie
        BG BGR Bulgaria
        BY BLR Belarus
        CH CHE Switzerland: schweiz, suisse
        CZ CZE Czechia: czech republic
        DE DEU Germany: deutschland, federal republic of germany
        DK DNK Denmark: danmark
        EE EST Estonia
        ES ESP Spain: espana
        FI FIN Finland: suomi
        FO FRO Faroe Islands
        FR FRA France
        GB GBR United Kingdom: uk, u k, great britain, britain, england, scotland, wales, northern ireland
        GG GGY Guernsey
        GI GIB Gibraltar
        GR GRC Greece: hellas
        HR HRV Croatia: hrvatska
        HU HUN Hungary: magyarorszag
        IE IRL Ireland: republic of ireland
        IM IMN Isle of Man
        IS ISL Iceland
        IT ITA Italy: italia
        JE JEY Jersey
        LI LIE Liechtenstein
        LT LTU Lithuania: lietuva
        LU LUX Luxembourg
        LV LVA Latvia
        MC MCO Monaco
        MD MDA Moldova: republic of moldova
        ME MNE Montenegro
        MK MKD North Macedonia: macedonia
        MT MLT Malta
        NL NLD Netherlands: holland, nederland
        NO NOR Norway: norge
        PL POL Poland: polska
        PT PRT Portugal
        RO ROU Romania
        RS SRB Serbia
        RU RUS Russia: russian federation
        SE SWE Sweden: sverige
        SI SVN Slovenia
        SJ SJM Svalbard and Jan Mayen
        SK SVK Slovakia: slovak republic
        SM SMR San Marino
        UA UKR Ukraine
        VA VAT Vatican City: holy see
    """,
    "Northern Africa": """
        DZ DZA Algeria
        EG EGY Egypt
        EH ESH Western Sahara
        LY LBY Libya
        MA MAR Morocco
        SD SDN Sudan
        TN TUN Tunisia
    """,
    "Sub-Saharan Africa": """
        AO AGO Angola
        BF BFA Burkina Faso
        BI BDI Burundi
        BJ BEN Benin
        BW BWA Botswana
        CD COD Democratic Republic of the Congo: dr congo, congo kinshasa, congo the democratic republic of the
        CF CAF Central African Republic
        CG COG Congo: republic of the congo, congo brazzaville
        CI CIV Côte d'Ivoire: ivory coast
        CM CMR Cameroon
        CV CPV Cabo Verde: cape verde
        DJ DJI Djibouti
        ER ERI Eritrea
        ET ETH Ethiopia
        GA GAB Gabon
        GH GHA Ghana
        GM GMB Gambia
        GN GIN Guinea
        GQ GNQ Equatorial Guinea
        GW GNB Guinea-Bissau
        IO IOT British Indian Ocean Territory
        KE KEN Kenya
        KM COM Comoros
        LR LBR Liberia
        LS LSO Lesotho
        MG MDG Madagascar
        ML MLI Mali
        MR MRT Mauritania
        MU MUS Mauritius
        MW MWI Malawi
        MZ MOZ Mozambique
        NA NAM Namibia
        NE NER Niger
        NG NGA Nigeria
        RE REU Réunion
        RW RWA Rwanda
        SC SYC Seychelles
        SH SHN Saint Helena, Ascension and Tristan da Cunha: saint helena
        SL SLE Sierra Leone
        SN SEN Senegal
        SO SOM Somalia
        SS SSD South Sudan
        ST STP São Tomé and Príncipe
        SZ SWZ Eswatini: swaziland
        TD TCD Chad
        TF ATF French Southern Territories
        TG TGO Togo
        TZ TZA Tanzania: united republic of tanzania
        UG UGA Uganda
        YT MYT Mayotte
        ZA ZAF South Africa: rsa
        ZM ZMB Zambia
        ZW ZWE Zimbabwe
    """,
    "Central Asia": """
        KG KGZ Kyrgyzstan
        KZ KAZ Kazakhstan
        TJ TJK Tajikistan
        TM TKM Turkmenistan
        UZ UZB Uzbekistan
    """,
    "Eastern Asia": """
        CN CHN China: pr china, p r china, prc, p r c, mainland china, people s republic of china, 中国, 中國
        HK HKG Hong Kong: hong kong sar, hongkong
        JP JPN Japan: nippon, 日本
        KP PRK North Korea: democratic people s republic of korea, korea democratic people s republic of, dprk
        KR KOR South Korea: korea, republic of korea
        MN MNG Mongolia
        MO MAC Macao: macau
        TW TWN Taiwan: republic of china, taiwan roc, 台灣
    """,
    "South-eastern Asia": """
        BN BRN Brunei: brunei darussalam
        ID IDN Indonesia: bali, java
        KH KHM Cambodia
        LA LAO Laos: lao people s democratic republic
        MM MMR Myanmar: burma
        MY MYS Malaysia
        PH PHL Philippines
        SG SGP Singapore
        TH THA Thailand
        TL TLS Timor-Leste: east timor
        VN VNM Vietnam: viet nam, socialist republic of vietnam, việt nam
    """,
    "Southern Asia": """
        AF AFG Afghanistan
        BD BGD Bangladesh
        BT BTN Bhutan
        IN IND India: bharat
        IR IRN Iran: islamic republic of iran
        LK LKA Sri Lanka
        MV MDV Maldives
        NP NPL Nepal
        PK PAK Pakistan
    """,
    "Western Asia": """
        AE ARE United Arab Emirates: uae, u a e
        AM ARM Armenia
        AZ AZE Azerbaijan
        BH BHR Bahrain
        CY CYP Cyprus
        GE GEO Georgia
        IL ISR Israel
        IQ IRQ Iraq
        JO JOR Jordan
        KW KWT Kuwait
        LB LBN Lebanon
        OM OMN Oman
        PS PSE Palestine: state of palestine
        QA QAT Qatar
        SA SAU Saudi Arabia: ksa
        SY SYR Syria: syrian arab republic
        TR TUR Türkiye: turkey
        YE YEM Yemen
    """,
    "Oceania": """
        AS ASM American Samoa
        AU AUS Australia
        CC CCK Cocos Islands: cocos keeling islands, keeling islands
        CK COK Cook Islands
        CX CXR Christmas Island
        FJ FJI Fiji
        FM FSM Micronesia: federated states of micronesia
        GU GUM Guam
        HM HMD Heard Island and McDonald Islands
        KI KIR Kiribati
        MH MHL Marshall Islands
        MP MNP Northern Mariana Islands
        NC NCL New Caledonia
        NF NFK Norfolk Island
        NR NRU Nauru
        NU NIU Niue
        NZ NZL New Zealand
        PF PYF French Polynesia
        PG PNG Papua New Guinea
        PN PCN Pitcairn
        PW PLW Palau
        SB SLB Solomon Islands
        TK TKL Tokelau
        TO TON Tonga
        TV TUV Tuvalu
        UM UMI U.S. Minor Outlying Islands: united states minor outlying islands
        VU VUT Vanuatu
        WF WLF Wallis and Futuna
        WS WSM Samoa
    """,
    "Antarctica": """
        AQ ATA Antarctica
    """,
}

REGIONS = tuple(_TABLE)

_BARRIER = re.compile(r"[,;/|&+()\[\]{}:\n\r\t]| - ")
_WORD = re.compile(r"\w+")
_ORIGIN = re.compile(
    r".*\b(?:made|manufactured|produced|crafted|built|assembled|product|products|imported|origin|ships?)"
    r"\s*(?:is|in|of|by|from|:|-)+\s*",
    re.IGNORECASE | re.DOTALL,
)
_MOST_WORDS = 8
"""Of any name in the table."""
_ALSO_WORDS = frozenset(["AM", "AS", "AT", "BE", "BY", "DO", "IN", "IS", "IT", "LA", "ME", "MY", "NO", "SO", "TO"])
"""Codes that are words, and mean a country only in capitals."""
_MISSING = "NA"
"""Far more often what stands for nothing than Namibia."""


def _folded(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _words(text: str) -> tuple[str, ...]:
    found = tuple(_WORD.findall(_folded(text)))
    return found[1:] if found[:1] == ("the",) else found


def _read_table() -> tuple[dict[str, str], dict[str, str], dict[tuple[str, ...], str], dict[str, str]]:
    names, regions, called, codes = {}, {}, {}, {}
    for region, lines in _TABLE.items():
        for line in lines.strip().splitlines():
            given, _, others = line.strip().partition(":")
            two, three, name = given.split(maxsplit=2)
            names[two], regions[two] = name, region
            codes[two] = codes[three] = two
            for other in (name, *others.split(",")):
                called[_words(other)] = two
    called.pop((), None)
    return names, regions, called, codes


_NAMES, _REGIONS, _CALLED, _CODES = _read_table()

COUNTRIES: Mapping[str, str] = _NAMES
"""Names for display by ISO 3166-1 alpha-2."""


def country_name(iso: str) -> str:
    """For display; a code that isn't in the table is its own name."""
    return _NAMES.get(iso, iso)


def region_of(iso: str) -> str | None:
    """One of REGIONS. None: there is no such country."""
    return _REGIONS.get(iso)


@lru_cache(maxsize=1024)
def country_of(text: str) -> str | None:
    """The country that a text names: ISO 3166-1 alpha-2, or None.

    A code or a name alone, or with words around it: "Made in Viet Nam", "Ho Chi Minh City, Vietnam". Of several the
    first one, but where it says where a thing was made, that one.
    """
    text = text[:MAX_LETTERS].strip(" \t\r\n.")
    if known := _code(text, text.upper()) or _CALLED.get(_words(text)):
        return known
    if said := _ORIGIN.match(text):
        return _first(text[said.end() :]) or _first(text)
    return _first(text)


def _code(text: str, capitals: str) -> str | None:
    if capitals == _MISSING or (capitals in _ALSO_WORDS and text != capitals):
        return None
    return _CODES.get(capitals)


def _first(text: str) -> str | None:
    found = list(_named(text))
    # The state is in the United States, whichever of the two comes first.
    if "GE" in found and "US" in found:
        found = ["US"]
    return found[0] if found else None


def _named(text: str) -> Iterator[str]:
    """All countries in a text, in its order; of names within each other the longest."""
    for part in _BARRIER.split(text):
        alone = part.strip(" .")
        if code := _code(alone, alone):
            yield code
            continue
        words = _words(part)
        at = 0
        while at < len(words):
            for length in range(min(_MOST_WORDS, len(words) - at), 0, -1):
                if known := _CALLED.get(words[at : at + length]):
                    yield known
                    at += length
                    break
            else:
                # Codes among words only as they are written: "in" and "it" are words.
                if words[at] == "usa":
                    yield "US"
                at += 1
