"""The two-language text that stands in every evidence package."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from traceability.ledger.record import format_time

_ENGLISH: Final = """\
EVIDENCE PACKAGE
of {node}, as of the checkpoint of {time} ({size} leaves)

How to check it, on a computer that is not connected to anything:

  1. Compare every file with SHA256SUMS:     sha256sum -c SHA256SUMS
  2. Compare policy.txt with a copy that you got from somewhere else than from this node.
     Whoever makes up a log can make up a policy that fits it.
  3. Check each bundle:                       traceability verify bundles/NAME.bundle.json --policy policy.txt
{browser}  4. Is a file one that was deposited then?   add  --document documents/FILE  to that

What proves something are the bundles: every statement in them is signed, chained and in the log. A document
is proven to be the one that was deposited then by the notice in a bundle; what it says is the word of
whoever wrote it. Documents were written by others: open them with care. The traces and the records are
computed from the events by this node, to read; they prove nothing by themselves. case.json says what came
of checking each bundle when this was packed, and which documents could not be added.
"""
_BROWSER: Final = """\
     or open verify.html in a browser and choose bundle and policy there
"""
_CHINESE: Final = """\

证据包
节点 {node}，依据 {time} 的检查点（{size} 个叶子）

请在未联网的电脑上核验：

  1. 用 SHA256SUMS 核对每个文件：             sha256sum -c SHA256SUMS
  2. 将 policy.txt 与从本节点以外的地方得到的副本对照。
     能伪造日志的人，也能伪造与之相符的策略文件。
  3. 核验每个批次包：                         traceability verify bundles/NAME.bundle.json --policy policy.txt
{browser}  4. 某个文件是否就是当时存入的那一个？      在该命令后加  --document documents/FILE

起证明作用的是批次包：其中每条声明都已签名、入链并写入日志。批次包中的通知证明某个文件就是当时存入的文件；
文件的内容是撰写者的陈述。文件由他人撰写，打开时请小心。溯源结果和记录由本节点根据事件计算而来，供阅读使用，
本身不构成证明。case.json 写明打包时每个批次包的核验结果，以及哪些文件未能加入。
"""
_BROWSER_ZH: Final = """\
     或用浏览器打开 verify.html，在其中选择批次包和策略文件
"""


def readme(node: str, at_ms: int, size: int, files: Collection[str]) -> str:
    """What is in a package and how to check it, in English and then in Chinese."""
    told = {"node": node, "time": format_time(at_ms), "size": size}
    built = "verify.html" in files
    english = _ENGLISH.format(**told, browser=_BROWSER if built else "")
    chinese = _CHINESE.format(**told, browser=_BROWSER_ZH if built else "")
    return english + chinese + "\n" + "".join(f"  {name}\n" for name in sorted(files))
