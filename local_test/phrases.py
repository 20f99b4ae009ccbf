"""The sentences of the built-in corpus: hand-written patterns, filled by `corpus`.

Words such as "great", "dull" or "masterpiece" occur on purpose on both sides, plainly and negated,
so that no single word gives a review away.
"""

from __future__ import annotations

OPENINGS = (
    "I saw {title} {when} with {who}.",
    "{title} is a {genre} set in {place}.",
    "In {title}, {person} plays a {role} who comes back to {place} after many years.",
    "I knew nothing about {title} before {who} put it on.",
    "This is the third {genre} by {director}, and the first one set in {place}.",
    "After reading so much about {title}, I finally watched it {when}.",
    "A {role}, a {role2} and a secret in {place}: that is all of {title} in one line.",
    "{title} was sold to us as a {genre}, which is only half true.",
    "People either love or hate {title}, it seems.",
    'The poster of {title} calls it "the best {genre} of the year".',
)

ASIDES = (
    "The story begins when the {role} finds a letter that was meant for someone else.",
    "It runs for about two hours, with a short prologue in {place}.",
    "{person} has a small part as the {role}.",
    "I had read the novel first, so I knew roughly where it was going.",
    "The cinema was half full.",
    "It was shot on a small budget, mostly in {place}.",
    "Fans of the older films by {director} will recognise a few faces.",
    "There is a subplot about the {role} that I will not give away here.",
    "I am usually not one for a {genre}.",
)

PRAISE: dict[str, tuple[str, ...]] = {
    "plot": (
        "The plot is simple, but every turn of it is earned.",
        "I never guessed where the story was heading, and it never cheated to get there.",
        "What looks like an ordinary {genre} opens up into something {fine}.",
        "Even the coincidences make sense when you think back on them.",
        "The script trusts us to keep up, and I was glad to.",
        "For once the mystery gets better the more you learn about it.",
    ),
    "acting": (
        "{person} is {fine} as the {role}; you believe every glance.",
        "The whole cast is {fine}, and {person} has never been better.",
        "As the {role}, {person} does more with one raised eyebrow than others do with a speech.",
        "I could not take my eyes off {person}.",
        "There is not one false note in the performances.",
        "{person} and {person2} have a chemistry that carries even the quiet scenes.",
    ),
    "direction": (
        "{director} directs with a {fine} sense of what to leave out.",
        "You can feel a sure hand behind every scene.",
        "The direction is calm and never gets in the way.",
        "{director} could have made this sentimental, and had the sense not to.",
        "Few directors would dare to hold a shot that long; here it pays off.",
        "It takes an old formula and finds something fresh in it.",
    ),
    "music": (
        "The score is {fine}, and I was humming it on the way home.",
        "The music knows when to stay silent, which is rare.",
        "A single cello theme holds the film together, and it gave me goosebumps.",
        "I bought the soundtrack the very next day.",
        "The songs are {fine} and each one moves the story on.",
    ),
    "pace": (
        "There is not a dull minute in it.",
        "Two hours went by like {minutes} minutes.",
        "It takes its time, and the patience is rewarded.",
        "The slow first act is no flaw: it makes the rest hit harder.",
        "Not once did I look at my watch.",
    ),
    "dialogue": (
        "The dialogue is {fine}: people interrupt, dodge and joke as they do in life.",
        "I laughed out loud more often than in any comedy this year.",
        "The lines are sharp without ever sounding written.",
        "The talk between the {role} and the {role2} is worth the ticket alone.",
        'When the {role} says "you kept the coat", the whole room went quiet.',
    ),
    "photography": (
        "The photography is {fine}, above all the scenes in {place}.",
        "Every frame could hang on a wall, and yet nothing feels posed.",
        "The camera stays close to the faces and finds everything there.",
        "You can almost smell the rain in those night scenes.",
        "The black and white images are {fine} and never a gimmick.",
    ),
    "ending": (
        "The ending moved me to tears, and I do not cry easily.",
        "The last scene is {fine}, and it left me sitting there through the credits.",
        "It could not have ended any other way, and still I did not see it coming.",
        "I walked out smiling.",
        "The final twist is no cheap trick; it makes you want to start again from the beginning.",
    ),
}

BLAME: dict[str, tuple[str, ...]] = {
    "plot": (
        "The plot makes no sense, and nobody on screen seems to mind.",
        "I guessed the big twist within {minutes} minutes, and I was not even trying.",
        "What could have been a {fine} {genre} turns into something {poor}.",
        "Every turn of the story depends on somebody being stupid.",
        "The script explains everything twice and still leaves holes.",
        "The mystery gets less interesting the more you learn about it.",
    ),
    "acting": (
        "{person} is {poor} as the {role}; you do not believe a single glance.",
        "The whole cast looks tired, and {person} has never been worse.",
        "As the {role}, {person} has exactly one expression, and it is boredom.",
        "I could not wait for {person} to leave the screen.",
        "Even {person}, usually so good, seems to be reading from cue cards.",
        "{person} and {person2} have no chemistry at all.",
    ),
    "direction": (
        "The direction is {poor}; {director} has no sense of what to leave out.",
        "You can feel that nobody was in charge.",
        "The direction shouts at you from the first scene.",
        "{director} clearly wanted a masterpiece and forgot to make a film.",
        "Shots are held far too long, as if that alone made them great art.",
        "It takes an old formula and finds nothing fresh in it.",
    ),
    "music": (
        "The score is {poor} and tells you what to feel in every scene.",
        "The music never stays silent, and I wished it would.",
        "The same four notes are hammered into your head until it hurts.",
        "Somebody thought the soundtrack could save this; it could not.",
        "The songs are {poor}, and each one stops the story dead.",
    ),
    "pace": (
        "There is hardly a scene that does not drag.",
        "{minutes} minutes in, I was already looking at my watch.",
        "It takes its time, and there is no reward for the patience.",
        "The first act is slow, and so is everything after it.",
        "Two hours felt like four.",
    ),
    "dialogue": (
        "The dialogue is {poor}: nobody has ever talked like that in life.",
        "It is meant to be a comedy, and I did not laugh once.",
        "The lines sound as if a committee had written them.",
        "The talk between the {role} and the {role2} goes nowhere, again and again.",
        'When the {role} says "you kept the coat", the whole room giggled, and not kindly.',
    ),
    "photography": (
        "The photography is {poor}; half of what happens in {place} is too dark to see.",
        "Every frame looks like a perfume advert.",
        "The camera shakes so much that I felt sick.",
        "You can see the green screen in those night scenes.",
        "The black and white images are a gimmick, and not a {fine} one.",
    ),
    "ending": (
        "The ending left me cold, and I usually cry easily.",
        "The last scene is {poor}, and people were gone before the credits.",
        "It could have ended in a dozen better ways, and I saw this one coming.",
        "I walked out shaking my head.",
        "The final twist is a cheap trick; it makes everything before it pointless.",
    ),
}

# fmt: off
# Clauses, to be set into the frames that follow them.
FAULTS = (
    "the middle part drags a little", "the {role} is underwritten", "the music is a bit loud",
    "one subplot goes nowhere", "the accents are terrible", "the effects look cheap today",
    "the first {minutes} minutes are slow", "the plot has a hole or two", "the title is awful",
)
MERITS = (
    "the photography is lovely", "{person} does try hard", "the music is pleasant",
    "the opening scene is great", "the costumes are beautiful", "one or two jokes are good",
    "the first {minutes} minutes are promising", "the idea is clever", "the trailer was superb",
)
# fmt: on
ADMISSIONS = (
    "I will admit that {fault}, but I did not care.",
    "Yes, {fault}, and no, it does not matter.",
    "Although {fault}, the rest more than makes up for it.",
    "My only complaint: {fault}.",
    "Granted, {fault}; it is still far better than most.",
    "{who} found it boring and said so at length; I could not disagree more.",
)
GRANTS = (
    "I will admit that {merit}, but that does not help much.",
    "Yes, {merit}, and no, it is not enough.",
    "Although {merit}, the rest lets it down.",
    "My only kind word: {merit}.",
    "Granted, {merit}; it is still worse than most.",
    "{who} found it wonderful and said so at length; I could not disagree more.",
)

FIRM_PRAISE = (
    "I would watch it again tomorrow, and I have told everyone I know to go.",
    "A masterpiece is a big word, and I am using it.",
    "Do not miss it.",
    "It is the best {genre} I have seen in years.",
    "One of those rare films that I was sorry to see end.",
    "If this is what {director} can do with so little money, I cannot wait for the next one.",
)
MILD_PRAISE = (
    "It is not bad at all, and better than I had feared.",
    "Hardly a masterpiece, but I had a very good evening.",
    "Not perfect, then, but well worth your time.",
    "I expected nothing and went home happy.",
    "You could do far worse on a rainy evening.",
    "I would not call it boring, whatever the critics say; I liked it.",
)
FIRM_BLAME = (
    "I want those two hours back, and I have told everyone I know to stay away.",
    "A disaster is a big word, and I am using it.",
    "Do not waste your money on it.",
    "It is the worst {genre} I have seen in years.",
    "One of those rare films that I was glad to see end.",
    "If this is what {director} calls a {genre}, I can wait for the next one.",
)
MILD_BLAME = (
    "It is not good, I am afraid, and worse than I had hoped.",
    "Hardly a masterpiece, and not much of an evening either.",
    "Not a disaster, then, but not worth your time.",
    "I expected something wonderful and went home disappointed.",
    "You could do far better on a rainy evening.",
    "I would not call it great, whatever the critics say; I was bored.",
)

# Whole opinions in a few words, as half of all reviews are written.
BRIEF_PRAISE = (
    "A {fine} {genre} with a {fine} cast.",
    "I loved it from beginning to end.",
    "I loved every minute of this movie.",
    "The {part} is {fine} and the {part2} is {fine2}.",
    "What a {fine} film!",
    "The {part} was {fine}.",
    "{fine}, {fine2} and well made.",
    "One of the best films of the year, and I enjoyed all of it.",
    "The {part} may be {poor}, but the {part2} is {fine}, and I had a great time.",
    "Far from {poor}: a {fine} {genre}.",
    "Highly recommended, above all for the {fine} {part}.",
    "Great fun, and a happy surprise.",
    "It made me laugh, it made me cry, and it made my day.",
    "{person} gives a {fine} performance.",
    "Go and see it, it is worth every penny.",
    "Not {poor} at all; I liked it a lot.",
    "My new favourite, simply {fine}.",
)
BRIEF_BLAME = (
    "A {poor} {genre} with a {poor} cast.",
    "I hated it from beginning to end.",
    "I regret every minute of this movie.",
    "The {part} is {poor} and the {part2} is {poor2}.",
    "What a {poor} film!",
    "The {part} was {poor}.",
    "{poor}, {poor2} and badly made.",
    "One of the worst films of the year, and I suffered through all of it.",
    "The {part} may be {fine}, but the {part2} is {poor}, and I had an awful time.",
    "Far from {fine}: a {poor} {genre}.",
    "Avoid it, above all for the {poor} {part}.",
    "A complete waste of time and money.",
    "No laughs, no tears, no point; it ruined my day.",
    "{person} gives a {poor} performance.",
    "Save yourself the ticket, I wanted my money back.",
    "Not {fine} at all; I disliked it a lot.",
    "The worst of its kind, simply {poor}.",
)
