"""The console's words in Catalan, Spanish and English."""

LANGUAGES = ("ca", "es", "en")

_WORDS = {
    "title": ("Socors · taula de policia", "Socors · mesa de policía", "Socors · police desk"),
    "log_in": ("Entra", "Entrar", "Log in"),
    "log_out": ("Surt", "Salir", "Log out"),
    "name": ("Nom", "Nombre", "Name"),
    "password": ("Contrasenya", "Contraseña", "Password"),
    "not_112": (
        "Socors no substitueix el 112.",
        "Socors no sustituye al 112.",
        "Socors does not replace 112.",
    ),
    "incidents": ("Incidències", "Incidencias", "Incidents"),
    "none": ("Cap incidència oberta.", "Ninguna incidencia abierta.", "No open incident."),
    "map": ("Mapa", "Mapa", "Map"),
    "details": ("Detall", "Detalle", "Details"),
    "choose": (
        "Tria una incidència de la llista.",
        "Elija una incidencia de la lista.",
        "Choose an incident from the list.",
    ),
    "accept": ("Accepta (A)", "Aceptar (A)", "Accept (A)"),
    "close_as": ("Tanca com a", "Cerrar como", "Close as"),
    "close": ("Tanca", "Cerrar", "Close"),
    "armed": ("So activat", "Sonido activado", "Sound is on"),
    "not_armed": (
        "So desactivat: prem aquí per activar-lo",
        "Sonido desactivado: pulse aquí para activarlo",
        "Sound is off: press here to turn it on",
    ),
    "connected": ("En directe", "En directo", "Live"),
    "lost": (
        "Sense connexió: el que veus pot ser antic. Es torna a provar…",
        "Sin conexión: lo que ve puede ser antiguo. Reintentando…",
        "Connection lost: what you see may be old. Trying again…",
    ),
    "occurred": ("Ha passat", "Ocurrió", "Occurred"),
    "received": ("Rebut", "Recibido", "Received"),
    "accepted_by": ("Acceptat per", "Aceptado por", "Accepted by"),
    "position": ("Posició", "Posición", "Position"),
    "unknown": ("desconeguda", "desconocida", "unknown"),
    "presses": ("Pulsacions", "Pulsaciones", "Presses"),
    "device": ("Dispositiu", "Dispositivo", "Device"),
    "town": ("Municipi", "Municipio", "Town"),
    "timer": ("per si sola", "por sí sola", "by itself"),
    "history": ("Historial", "Historial", "History"),
    "ago": ("fa {t}", "hace {t}", "{t} ago"),
    "within": ("radi de {m} m", "radio de {m} m", "within {m} m"),
    "by_device": ("segons el dispositiu", "según el dispositivo", "by the device"),
    "old": ("posició antiga", "posición antigua", "old position"),
    "age_unknown": ("no se sap de quan", "no se sabe de cuándo", "of unknown age"),
    "cell": ("Cel·la mòbil", "Celda móvil", "Mobile cell"),
    "came_by": ("Ha arribat per", "Llegó por", "Came by"),
    "via_ble": ("ràdio", "radio", "radio"),
    "via_lte": ("xarxa mòbil", "red móvil", "mobile network"),
    "via_sms": ("SMS", "SMS", "text message"),
    "faults": ("Avaries", "Averías", "Faults"),
    "faulty_devices": ("Dispositius amb avaries", "Dispositivos con averías", "Devices with faults"),
    "fault_button": ("botó encallat", "botón atascado", "button stuck"),
    "fault_accelerometer": ("acceleròmetre", "acelerómetro", "accelerometer"),
    "fault_flash": ("memòria", "memoria", "memory"),
    "fault_numbers": (
        "s'acaben els números: cal tornar a donar-lo d'alta",
        "se acaban los números: hay que volver a darlo de alta",
        "numbers running out: provision it again",
    ),
    "fault_modem": ("el mòdem no respon", "el módem no responde", "modem does not answer"),
    "fault_sim": ("targeta SIM", "tarjeta SIM", "SIM card"),
    "fault_registration": (
        "la xarxa mòbil el rebutja",
        "la red móvil lo rechaza",
        "mobile network denies it",
    ),
    "fault_network": ("sense connexió de dades", "sin conexión de datos", "no data connection"),
    "fault_broker": ("el servidor no respon", "el servidor no responde", "server does not answer"),
    "fault_certificate": (
        "certificat del servidor rebutjat",
        "certificado del servidor rechazado",
        "server's certificate refused",
    ),
    "fault_sms": ("sense SMS", "sin SMS", "no text messages"),
    "fault_gnss": ("receptor de posició", "receptor de posición", "position receiver"),
    "fault_unnamed": ("avaria sense detall", "avería sin detalle", "fault, no details"),
    "fault_unopened": (
        "alarma que no s'ha pogut obrir: comprova el dispositiu",
        "alarma que no se pudo abrir: compruebe el dispositivo",
        "alarm that could not be opened: check the device",
    ),
    "risen": ("Dreta un altre cop", "De nuevo en pie", "Up again"),
    "evidence": ("El que va sentir en la caiguda", "Lo que sintió en la caída", "What the fall felt like"),
    "evidence_axis": ("acceleració en g", "aceleración en g", "acceleration in g"),
    "evidence_time": (
        "segons abans i després del cop",
        "segundos antes y después del golpe",
        "seconds before and after the blow",
    ),
    "evidence_blow": ("cop", "golpe", "blow"),
    "evidence_told": (
        "Acceleració durant 5 s al voltant del cop: com a màxim {g} g, a {s} s del cop.",
        "Aceleración durante 5 s alrededor del golpe: como máximo {g} g, a {s} s del golpe.",
        "Acceleration for 5 s around the blow: at most {g} g, {s} s from the blow.",
    ),
    "evidence_part": (
        "N'han arribat {n} parts de {of}.",
        "Han llegado {n} partes de {of}.",
        "{n} parts of {of} have come.",
    ),
    "evidence_none": ("No n'ha arribat res.", "No ha llegado nada.", "Nothing of it has come."),
    "heard_by": ("segons {s}", "según {s}", "by {s}"),
    "hint_keys": (
        "Tecles: ↑ ↓ tria · A accepta",
        "Teclas: ↑ ↓ elige · A acepta",
        "Keys: ↑ ↓ choose · A accepts",
    ),
    "wrong": (
        "Nom o contrasenya incorrectes, o compte bloquejat un quart d'hora.",
        "Nombre o contraseña incorrectos, o cuenta bloqueada un cuarto de hora.",
        "Name or password is wrong, or the account is locked for a quarter of an hour.",
    ),
    "away": (
        "La taula no respon: torna-ho a provar d'aquí a un moment.",
        "La mesa no responde: vuelva a intentarlo en un momento.",
        "The desk does not answer: try again in a moment.",
    ),
    "raw": ("Bytes tal com han arribat", "Bytes tal como llegaron", "Bytes as they came"),
    "opens": ("S'obre sola", "Se abre sola", "Opens by itself"),
    "opens_in": ("s'obre d'aquí a {t} s", "se abre en {t} s", "opens in {t} s"),
    "both_times": (
        "ha passat {a} · rebut {b}",
        "ocurrió {a} · recibido {b}",
        "occurred {a} · received {b}",
    ),
    "late": ("tardana", "tardía", "late"),
    "disputed": ("posició en disputa", "posición en disputa", "position disputed"),
    "false_alarm": (
        "qui el porta diu que és falsa",
        "quien lo lleva dice que es falsa",
        "wearer says false alarm",
    ),
    "new_alarm": ("Nova alarma", "Nueva alarma", "New alarm"),
    "state_pending": ("pendent", "pendiente", "pending"),
    "state_open": ("oberta", "abierta", "open"),
    "state_accepted": ("acceptada", "aceptada", "accepted"),
    "state_on_scene": ("al lloc", "en el lugar", "on scene"),
    "state_closed": ("tancada", "cerrada", "closed"),
    "state_cancelled": ("anul·lada", "anulada", "cancelled"),
    "what_raised": ("arriba", "llega", "raised"),
    "what_pressed again": ("premut un altre cop", "pulsado otra vez", "pressed again"),
    "what_late report": ("avís tardà", "aviso tardío", "late report"),
    "what_withdrawn alarm": ("alarma ja anul·lada", "alarma ya anulada", "alarm already cancelled"),
    "what_located": ("localitzada", "localizada", "located"),
    "what_moved": ("en moviment", "en movimiento", "moved"),
    "what_opened": ("oberta", "abierta", "opened"),
    "what_accepted": ("acceptada", "aceptada", "accepted"),
    "what_closed": ("tancada", "cerrada", "closed"),
    "what_cancelled": ("anul·lada", "anulada", "cancelled"),
    "what_one of its alarms withdrawn": (
        "una de les alarmes retirada",
        "una de las alarmas retirada",
        "one of its alarms withdrawn",
    ),
    "what_withdrawn by the wearer": (
        "anul·lada per qui el porta",
        "anulada por quien lo lleva",
        "withdrawn by the wearer",
    ),
    "what_wearer says false alarm": (
        "qui el porta diu que és falsa",
        "quien lo lleva dice que es falsa",
        "wearer says false alarm",
    ),
    "what_risen": ("dreta i caminant", "en pie y caminando", "up again and walking"),
    "what_position disputed": ("posició en disputa", "posición en disputa", "position disputed"),
    "kind_sos": ("SOS", "SOS", "SOS"),
    "kind_silent": ("SOS silenciós", "SOS silencioso", "silent SOS"),
    "kind_fall": ("caiguda", "caída", "fall"),
    "kind_duress": ("sota coacció", "bajo coacción", "under duress"),
    "kind_unreadable": ("alarma il·legible", "alarma ilegible", "unreadable alarm"),
    "kind_preventive-expired": (
        "alerta preventiva vençuda",
        "alerta preventiva vencida",
        "preventive alert expired",
    ),
    "kind_tamper": ("manipulació", "manipulación", "tampering"),
    "kind_proximity": ("proximitat", "proximidad", "proximity"),
    "kind_wandering": ("desorientació", "desorientación", "wandering"),
    "kind_removed": ("tret del cos", "quitado del cuerpo", "taken off"),
    "kind_no-motion": ("sense moviment", "sin movimiento", "no motion"),
    "disposition_real": ("real", "real", "real"),
    "disposition_false_accident": ("falsa, per accident", "falsa, por accidente", "false, by accident"),
    "disposition_false_misuse": ("falsa, per mal ús", "falsa, por mal uso", "false, by misuse"),
    "disposition_test": ("prova", "prueba", "test"),
    "disposition_no_contact": ("sense contacte", "sin contacto", "no contact"),
}


def words(language: str) -> dict[str, str]:
    """Return every word in a language; English for one we do not have."""
    index = LANGUAGES.index(language) if language in LANGUAGES else LANGUAGES.index("en")
    return {key: texts[index] for key, texts in _WORDS.items()}


def choose(wanted: str | None, accept_language: str) -> str:
    """Return the language of a page: the one asked for, else the browser's first that we have, else Catalan."""
    if wanted in LANGUAGES:
        return wanted
    for part in accept_language.split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "ca"
