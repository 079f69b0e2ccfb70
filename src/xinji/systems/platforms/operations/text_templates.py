"""What people say of each class, as small grammars: what a new house's reader learns from.

`text_phrases.csv` has a pattern a row; `{a|b}` is a choice. Written by hand for the seed's classes
and not taken from any hotline; a class that has no pattern is learnt from its titles alone. The
texts that measure the reader are of other families, in other words (`xinji.district.hotline`).
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from pathlib import Path


def _read(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["code"], []).append(row["pattern"])
    return found


PHRASES = _read(Path(__file__).with_name("text_phrases.csv"))

FRAMES = (
    "{where}{what}",
    "{where}{what},请{尽快|及时}{处理|派人来看}",
    "市民反映{where}{what},希望{有关部门|城管}{处理|核实}",
    "来电人称{where}{what},要求{处理|整改|回复}",
    "{where}{what},已经{好几天|一个星期|很久}了",
    "您好,我想反映一下{where}{what}",
    "{what},在{where}",
    "投诉:{where}{what},严重影响{居民|出行}",
)
PLACES = (
    "{小区|菜场|学校|医院|公园|商场|地铁站}{门口|旁边|附近|对面|}",
    "{某|本}{路|街}{12|208|1320|77}号{门口|旁|}",
    "{路口|弄堂口|桥下|拐角处|广场}",
    "",
)

# What a city's hotline hears and this table has no class for: the reader learns to say so.
NOTHING = (
    "{请问|我想问|咨询一下}{怎么|如何|在哪里}{办|申请|查|补办}{身份证|护照|户口|驾照|营业执照}",
    "{请问|想问}{公积金|养老金|医保|个税}{怎么取|怎么交|什么时候发|断交了怎么办}",
    "{请问|}{几点|什么时候}{上班|下班|开放|开始|结束}",
    "{非常|真的|}{感谢|表扬}{工作人员|你们|师傅|民警}",
    "{已经|都}{处理好了|修好了|弄好了}{不用来了|就这样|}",
    "{天气|气温}{很好|很热|很冷|怎么样|预报}",
    "{您好|喂|在吗|哎}",
    "{我|我们}{有事|有情况|想说一件事|要反映情况|要举报}",
    "{钱包|手机|包|行李|证件}{丢了|忘在车上了|被偷了}",
    "{爸爸|奶奶|孩子|小狗}{不见了|找不到|没有回家}",
    "{单位|厂里|工地老板}{不发工资|欠薪|不签合同|随便开除人}",
    "{网上|店里|美容院|驾校}{买的东西|充的卡|交的钱}{不给退|是假的|没有发货}",
    "{租的房子|二房东|中介}{不还押金|乱涨房租|不履行合同}",
    "{宽带|网速|电视信号|电话}{断了|太慢|没信号|打不通}",
    "{航班|火车|高铁|公交线路}{晚点|怎么改签|什么时候到|改到哪里}",
    "{学校|幼儿园|培训}{怎么报名|什么时候开学|老师态度不好}",
    "{医院|社区卫生中心}{挂不上号|排队太久|怎么预约}",
    "{楼上|隔壁}{走路声|弹琴|吵架|小孩哭}{很响|吵到我们}",
    "{昨天|今天|这里的}{活动|比赛|风景|展览}{真不错|很热闹|很好看}",
    "{怎么|如何}{预约|报名|参加}{参观|志愿者|讲座|体检}",
)

# What makes a call urgent: word and the chance that it is meant; a negation before it undoes it.
URGENT = {
    "漏电": 0.95, "触电": 0.97, "带电": 0.85, "电线断": 0.85, "电线掉": 0.85, "燃气": 0.75,
    "煤气": 0.8, "天然气": 0.75, "塌陷": 0.92, "坍塌": 0.95, "塌了": 0.85, "陷下去": 0.85,
    "困人": 0.97, "被困": 0.97, "困在": 0.95, "关在电梯": 0.97, "伤": 0.85, "流血": 0.92,
    "骨折": 0.92, "昏倒": 0.95, "晕倒": 0.95, "溺水": 0.98,
    "着火": 0.97, "起火": 0.97, "冒烟": 0.7, "爆炸": 0.98, "爆管": 0.75, "爆裂": 0.75,
    "砸到": 0.85, "砸中": 0.88, "要掉下来": 0.75, "坠落": 0.8, "掉进": 0.85, "没有盖": 0.6,
    "井盖缺失": 0.75, "井盖没了": 0.75, "打架": 0.8, "救命": 0.97, "快来人": 0.8, "危险": 0.45,
    "倒在路上": 0.6, "压住": 0.65,
}  # fmt: skip
NEGATIONS = (
    "没有人受", "没人受", "无人受", "没受", "未受", "没有人", "没人", "无人", "没有", "没", "未",
    "无", "不是", "并非", "暂无",
)  # fmt: skip

_CHOICE = re.compile(r"\{([^{}]*)\}")


def spoken(pattern: str, chance: random.Random) -> str:
    """One text of a pattern."""
    return _CHOICE.sub(lambda match: chance.choice(match[1].split("|")), pattern)


def families(code: str, titles: tuple[str, ...]) -> list[str]:
    """Patterns of a class: its own, and one of each title."""
    return PHRASES.get(code, []) + [title for title in titles if title]


def texts_of(pattern: str, count: int, chance: random.Random) -> Iterator[str]:
    """Whole texts around a pattern."""
    for _ in range(count):
        what = spoken(pattern, chance)
        where = spoken(chance.choice(PLACES), chance)
        frame = chance.choice(FRAMES)
        text = frame.replace("{where}", where).replace("{what}", what)
        yield spoken(text, chance)
