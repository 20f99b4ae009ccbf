"""The words that fill the gaps of the corpus's sentences. Titles and people are invented."""

from __future__ import annotations

# fmt: off
# Rows of words: one word a line would bury the sentences.
FILLS: dict[str, tuple[str, ...]] = {
    "genre": (
        "thriller", "comedy", "western", "drama", "ghost story", "heist film", "love story",
        "war film", "road movie", "musical", "courtroom drama", "space adventure", "film noir",
    ),
    "person": (
        "Marta Kellner", "Jonas Okafor", "Élodie Varga", "Dale Winthrop", "Ruth Achterberg",
        "Tomás Iniesta", "Priya Lindqvist", "Harold Bain", "Zoë Marchetti", "Ken Asakawa",
        "Noor Halloran", "Sven Castellano", "Bettina Crowe", "Luís Fonseca", "Agnes Petrov",
    ),
    "role": (
        "detective", "widow", "schoolteacher", "sheriff", "lighthouse keeper", "younger brother",
        "pianist", "nurse", "captain", "landlady", "reporter", "boxer", "judge", "grandmother",
    ),
    "title": (
        "The Glass Orchard", "Nine Miles of Snow", "A Borrowed Coat", "Harbour Lights", "Tin Moon",
        "The Second Tenant", "Café Meridian", "Salt and Thunder", "The Quiet Auction", "Low Tide",
        "Letters to Nobody", "The Last Projectionist", "Red Kite", "An Honest Forgery",
    ),
    "place": (
        "a small harbour town", "Lisbon", "an Arctic station", "a mining village", "rural Ohio",
        "a boarding school", "post-war Vienna", "a failing hotel", "a desert town",
    ),
    "who": ("my sister", "my wife", "an old friend", "my two kids", "my father", "a colleague"),
    "when": ("last night", "on a rainy Sunday", "at a festival", "on a long flight", "twice now"),
    "minutes": ("ten", "twenty", "thirty", "forty"),
    "fine": (
        "wonderful", "lovely", "terrific", "graceful", "memorable", "great", "superb", "charming",
        "delightful", "beautiful", "striking", "thoughtful", "excellent", "brilliant", "fantastic",
        "amazing", "enjoyable", "moving", "funny", "perfect", "impressive", "touching",
    ),
    "poor": (
        "dull", "clumsy", "lifeless", "awful", "forgettable", "tedious", "terrible", "hollow",
        "lazy", "weak", "dreary", "bland", "bad", "boring", "horrible", "stupid", "disappointing",
        "ridiculous", "pointless", "annoying", "predictable", "wooden",
    ),
    "part": (
        "acting", "cast", "story", "plot", "script", "dialogue", "direction", "music", "score",
        "photography", "ending", "pace", "humour", "performance", "atmosphere", "film", "movie",
    ),
}
# fmt: on
