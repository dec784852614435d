"""The style sheet of reports: for phones, desktops and paper, in light and dark."""

# The band under the top edge is a row of dancheong colors, as on a painted beam.
STYLE = """
:root{--paper:#fbfaf6;--ink:#23211e;--soft:#67625a;--line:#dcd7cb;--card:#fff;--accent:#2b6f55;--warn:#fbf1dc;
--warnline:#c98a1b;--c1:#2b6f55;--c2:#b2402a;--c3:#2c54a0;--c4:#b97a10;--c5:#7a4a86;--c6:#4b8794}
@media (prefers-color-scheme:dark){:root{--paper:#171a19;--ink:#e9e6df;--soft:#a5a097;--line:#363b39;--card:#1f2422;
--accent:#7cc4a4;--warn:#2f2816;--warnline:#d8a343;--c1:#6fc3a0;--c2:#ea7a61;--c3:#85a9ea;--c4:#e0b04e;--c5:#c493d1;
--c6:#7fc0cf}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Noto Sans CJK KR",sans-serif}
header,main,footer{max-width:66rem;margin:0 auto;padding:0 clamp(1rem,4vw,2rem)}
.band{height:14px;margin-bottom:1.6rem;background:repeating-linear-gradient(90deg,
#2b6f55 0 64px,#f3ecd9 64px 68px,#b2402a 68px 80px,#f3ecd9 80px 84px,#2c54a0 84px 96px,#f3ecd9 96px 100px,
#d69e42 100px 108px,#f3ecd9 108px 112px,#2c54a0 112px 124px,#f3ecd9 124px 128px,#b2402a 128px 140px,#f3ecd9 140px 144px,
#2b6f55 144px 208px)}
h1{font-size:clamp(1.6rem,1.2rem + 2vw,2.4rem);line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em;text-wrap:balance}
h2{font-size:1.3rem;line-height:1.3;margin:2.6rem 0 .6rem;padding-top:.9rem;border-top:1px solid var(--line)}
h3{font-size:.95rem;margin:0;grid-column:1/-1;display:flex;flex-wrap:wrap;gap:.1rem 1rem;justify-content:space-between;
overflow-wrap:anywhere}
h3 span{font-weight:400;color:var(--soft);font-variant-numeric:tabular-nums}
p{margin:.5rem 0;max-width:44rem}
.lead{font-size:1.1rem;color:var(--soft)}
.notice{background:var(--warn);border-left:4px solid var(--warnline);padding:.4rem 1rem;margin:1rem 0;border-radius:0 6px 6px 0}
a{color:var(--accent)}
nav ol{margin:.8rem 0 0;padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.8rem;margin:1rem 0}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem}
dt{color:var(--soft);font-size:.88rem}
dd{margin:.1rem 0 0;font-size:1.55rem;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
dd small{display:block;font-size:.84rem;line-height:1.4;font-weight:400;color:var(--soft)}
.scroll{overflow-x:auto;margin:1rem 0}
.scroll:focus-visible,a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;min-width:min(100%,26rem);font-size:.94rem}
caption,figcaption,.caption{color:var(--soft);font-size:.88rem;text-align:left}
caption{padding-bottom:.4rem}
th,td{padding:.34rem .9rem .34rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:baseline}
thead th{border-bottom:2px solid var(--ink);font-size:.88rem}
tbody th{font-weight:400;overflow-wrap:break-word}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-left:.9rem}
.strong>*{font-weight:650;border-top:1px solid var(--ink)}
figure{margin:1rem 0}
figcaption{margin-top:.35rem}
img{display:block;max-width:100%;height:auto;border-radius:4px;background:var(--line)}
.drawing{background:#fff;max-width:none}
.row{display:grid;grid-template-columns:repeat(var(--columns),minmax(0,1fr));gap:.3rem .6rem;margin:0 0 1.5rem}
.row figure{margin:0}
.row img{width:100%}
.row figcaption{margin-top:.2rem}
.chart{display:block;width:100%;max-width:46rem;height:auto;overflow:visible}
.chart text{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.chart .label{fill:var(--ink)}
.grid{stroke:var(--line)}
.axis{stroke:var(--soft)}
polyline,circle{fill:none;stroke-width:1.2;stroke-linejoin:round}
circle,.key line{stroke-width:3}
.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}.c6{stroke:var(--c6)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.3rem;margin:.3rem 0 0;padding:0;font-size:.9rem}
.key{width:26px;height:8px;margin-right:.4rem;vertical-align:middle}
.last{color:var(--soft);font-variant-numeric:tabular-nums}
footer{color:var(--soft);font-size:.88rem;margin-top:3rem;padding-bottom:2rem}
@media (max-width:34rem){.row{grid-template-columns:repeat(2,minmax(0,1fr))}
.row figure:nth-of-type(1):nth-last-of-type(odd){grid-column:1/-1}
.chart text{font-size:17px}}
@media print{:root{--paper:#fff;--card:#fff}.drawing{max-width:100%}
.row,figure,tr{break-inside:avoid}.band{print-color-adjust:exact}nav{display:none}}
"""
