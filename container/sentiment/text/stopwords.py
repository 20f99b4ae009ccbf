"""English stop words, carried as data so that no container ever needs a download.

They are the entries of NLTK's English list that can meet a cleaned word: cleaning turns every
apostrophe into a space, so the list's entries with one (`don't`) never match anything, while their
halves (`don`, `t`) do and are in the list themselves. A test compares this set with NLTK's own.
"""

from __future__ import annotations

_PRONOUNS = """
    i me my myself we our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves
    what which who whom this that these those
"""
_VERBS = """
    am is are was were be been being have has had having do does did doing can will should
"""
_SMALL_WORDS = """
    a an the and but if or because as until while of at by for with about against between into
    through during before after above below to from up down in out on off over under
    again further then once here there when where why how all any both each few more most other
    some such no nor not only own same so than too very just now
"""
_HALVES_OF_CONTRACTIONS = """
    s t d ll m o re ve y ma don ain aren couldn didn doesn hadn hasn haven isn mightn mustn needn
    shan shouldn wasn weren won wouldn
"""

ENGLISH = frozenset(
    f"{_PRONOUNS} {_VERBS} {_SMALL_WORDS} {_HALVES_OF_CONTRACTIONS}".split()
)
