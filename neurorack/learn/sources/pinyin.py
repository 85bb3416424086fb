"""Mandarin syllables written in Zhuyin, as Latin letters that the display has (Hanyu Pinyin, ISO 7098)."""

import re


def _table(text: str) -> dict[str, str]:
    """Words of Zhuyin followed by Latin letters → {Zhuyin: Latin}."""
    words = [re.match(r"([^a-z]+)([a-z]+)", word) for word in text.split()]
    return {word[1]: word[2] for word in words if word}


_INITIALS = _table("ㄅb ㄆp ㄇm ㄈf ㄉd ㄊt ㄋn ㄌl ㄍg ㄎk ㄏh ㄐj ㄑq ㄒx ㄓzh ㄔch ㄕsh ㄖr ㄗz ㄘc ㄙs")
_ENDS = _table("ㄚa ㄛo ㄜe ㄝe ㄞai ㄟei ㄠao ㄡou ㄢan ㄣen ㄤang ㄥeng ㄦer")
_FINALS = _table("ㄧㄡiu ㄧㄢian ㄧㄣin ㄧㄥing ㄨㄟui ㄨㄣun ㄨㄥong ㄩu ㄩㄝue ㄩㄢuan ㄩㄣun ㄩㄥiong")
_ALONE = _table("ㄧyi ㄧㄡyou ㄧㄢyan ㄧㄣyin ㄧㄥying ㄨwu ㄨㄟwei ㄨㄣwen ㄨㄥweng")
_ALONE |= _table("ㄩyu ㄩㄝyue ㄩㄢyuan ㄩㄣyun ㄩㄥyong")
_GLIDES = {"ㄧ": ("i", "y"), "ㄨ": ("u", "w"), "ㄩ": ("u", "yu")}
_BUZZING = "ㄓㄔㄕㄖㄗㄘㄙ"


def pinyin(zhuyin: str) -> str:
    """A syllable, with its tone's digit where it has one.

    >>> [pinyin(syllable) for syllable in ("ㄇㄚ3", "ㄓㄨㄥ4", "ㄆㄧㄣ", "ㄨㄚ4", "ㄖ", "ㄩㄢ2")]
    ['ma3', 'zhong4', 'pin', 'wa4', 'ri', 'yuan2']
    """
    letters = zhuyin.rstrip("0123456789")
    tone = zhuyin[len(letters) :]
    initial, rest = (_INITIALS[letters[0]], letters[1:]) if letters[:1] in _INITIALS else ("", letters)
    whole = _FINALS if initial else _ALONE
    if rest in whole:
        return initial + whole[rest] + tone
    if not rest:
        return initial + ("i" if letters[:1] in _BUZZING else "") + tone
    glide = _GLIDES[rest[0]][0 if initial else 1] if rest[0] in _GLIDES else ""
    return initial + glide + "".join(_ENDS.get(letter, "") for letter in rest) + tone
