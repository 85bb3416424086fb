"""Zhuyin is spelt as Pinyin."""

import pytest

from neurorack.learn.sources.pinyin import pinyin

SPELT = [
    "ㄇㄚ3",
    "ma3",
    "ㄓㄨㄥ4",
    "zhong4",
    "ㄆㄧㄣ3",
    "pin3",
    "ㄨㄚ4",
    "wa4",
    "ㄖ",
    "ri",
    "ㄩㄢ2",
    "yuan2",
    "ㄑㄩ4",
    "qu4",
    "ㄒㄩㄝ2",
    "xue2",
    "ㄐㄧㄠ",
    "jiao",
    "ㄌㄧㄡ4",
    "liu4",
    "ㄧㄡ3",
    "you3",
    "ㄕ4",
    "shi4",
    "ㄍㄨㄛ2",
    "guo2",
    "ㄧㄝ3",
    "ye3",
    "ㄏㄣ2",
    "hen2",
    "ㄦ4",
    "er4",
    "ㄉㄨㄟ4",
    "dui4",
]


@pytest.mark.parametrize(("zhuyin", "latin"), list(zip(SPELT[::2], SPELT[1::2], strict=True)))
def test_syllables_are_spelt_as_in_pinyin(zhuyin: str, latin: str):
    assert pinyin(zhuyin) == latin
