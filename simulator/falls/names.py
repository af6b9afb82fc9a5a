"""What the codes of the data sets mean, in words, as far as the data sets' own papers say it."""

DATA_SETS = {
    "sisfall": "SisFall",
    "wedafall": "WEDA-FALL",
    "smartfallmm": "SmartFallMM",
    "mobifall": "MobiFall",
    "geotec_adl": "GeoTec",
    "mobgap_adl": "mobgap",
}

# Sucerquia, López, Vargas-Bonilla, Sensors 2017, 17:198, tables 1 and 2.
SISFALL = {
    "D01": "walks slowly",
    "D02": "walks quickly",
    "D03": "jogs slowly",
    "D04": "jogs quickly",
    "D05": "upstairs and downstairs slowly",
    "D06": "upstairs and downstairs quickly",
    "D07": "sits down slowly on a chair of half height, and gets up slowly",
    "D08": "sits down quickly on a chair of half height, and gets up quickly",
    "D09": "sits down slowly on a low chair, and gets up slowly",
    "D10": "sits down quickly on a low chair, and gets up quickly",
    "D11": "tries to get up from a chair and collapses into it",
    "D12": "sits, lies down slowly, and sits again",
    "D13": "sits, lies down quickly, and sits again",
    "D14": "lies on the back, turns to the side and back again",
    "D15": "bends slowly at the knees, and gets up",
    "D16": "bends slowly without bending the knees, and gets up",
    "D17": "gets into a car, stays seated, and gets out",
    "D18": "stumbles while walking",
    "D19": "jumps gently to reach something high",
    "F01": "slips while walking, falls forwards",
    "F02": "slips while walking, falls backwards",
    "F03": "slips while walking, falls sideways",
    "F04": "trips while walking, falls forwards",
    "F05": "trips while jogging, falls forwards",
    "F06": "faints while walking, falls straight down",
    "F07": "faints while walking, dampens the fall with the hands on a table",
    "F08": "tries to get up, falls forwards",
    "F09": "tries to get up, falls sideways",
    "F10": "tries to sit down, falls forwards",
    "F11": "tries to sit down, falls backwards",
    "F12": "tries to sit down, falls sideways",
    "F13": "faints or falls asleep sitting, falls forwards",
    "F14": "faints or falls asleep sitting, falls backwards",
    "F15": "faints or falls asleep sitting, falls sideways",
}

# Marques and Moreno, Sensors 2023, 23:1146.
WEDAFALL = {
    "D01": "walks",
    "D02": "jogs",
    "D03": "upstairs and downstairs",
    "D04": "sits down on a chair, and gets up",
    "D05": "tries to get up from a chair and collapses into it",
    "D06": "crouches to tie the shoes, and gets up",
    "D07": "stumbles while walking",
    "D08": "jumps gently to reach something",
    "D09": "hits a table with the hand",
    "D10": "claps hands",
    "D11": "opens and closes a door",
    "F01": "slips while walking, falls forwards",
    "F02": "slips while walking, falls sideways",
    "F03": "slips while walking, falls backwards",
    "F04": "trips while walking, falls forwards",
    "F05": "tries to sit down, falls backwards",
    "F06": "faints or falls asleep sitting, falls forwards",
    "F07": "faints or falls asleep sitting, falls backwards",
    "F08": "faints or falls asleep sitting, falls sideways",
}

# Vavoulas and others, 2014.
MOBIFALL = {
    "STD": "stands",
    "WAL": "walks",
    "JOG": "jogs",
    "JUM": "jumps on and on",
    "STU": "upstairs",
    "STN": "downstairs",
    "SCH": "sits down on a chair",
    "CSI": "gets into a car",
    "CSO": "gets out of a car",
    "FOL": "falls forwards from standing, dampens it with the hands",
    "FKL": "falls forwards from standing, knees first",
    "BSC": "tries to sit down, falls backwards",
    "SDL": "falls sideways from standing, legs bent",
}

NAMES = {
    "sisfall": SISFALL,
    "wedafall": WEDAFALL,
    "mobifall": MOBIFALL,
    "geotec_adl": {"SEQ": "gets up from a chair, walks, turns, walks back and sits down"},
    "mobgap_adl": {"Test5": "a walking test in the laboratory", "Test11": "everyday tasks in the laboratory"},
}


def in_words(data_set: str, code: str) -> str:
    """Return what a code means; the code itself where the words are not known for certain (SmartFallMM)."""
    return NAMES.get(data_set, {}).get(code, code)
