"""What is made of measures: the table, the data and the chart. `python3 -m unittest` in this directory; `make test` runs it."""

import contextlib
import io
import json
import unittest
import xml.etree.ElementTree as xml

import chart
import results
import table
from table import Figure, Measure

SVG = "{http://www.w3.org/2000/svg}"


def measures():
    made_up = [
        Measure(
            "start <of> a & b", "ms", Figure("supervisor", [1.25, 1.0, 1.5]), target=1.5,
            peers=[Figure("peer", [250.0])], limits=[Figure("limit", [0.5])], beside=[Figure("supervisor, otherwise", [2.5])],
        ),
        Measure("throughput", "MB/s", Figure("supervisor", [100.0]), better="higher", target="ahead", peers=[Figure("peer", [200.0])]),
        Measure("below nothing", "ms", Figure("supervisor", [-0.5]), target={"peer": 5}, peers=[Figure("peer", [1.0])]),
        Measure("no target", "", Figure("supervisor", [0])),
    ]
    for measure in made_up:
        measure.section = "start"
    return made_up


class Written(unittest.TestCase):
    def test_json_holds_every_figure(self):
        document = json.loads(results.to_json(measures(), {"cores": 2}, ["a note"]))
        self.assertEqual((document["machine"], document["notes"]), ({"cores": 2}, ["a note"]))
        first, second, third, fourth = document["measures"]
        self.assertEqual(first["ours"], {"who": "supervisor", "median": 1.25, "min": 1.0, "max": 1.5, "runs": 3})
        self.assertEqual(first["peers"], [{"who": "peer", "median": 250.0, "min": 250.0, "max": 250.0, "runs": 1, "ratio": 200.0}])
        self.assertEqual((first["limits"][0]["ratio"], first["beside"][0]["ratio"]), (0.4, 2.0))
        self.assertEqual((first["title"], first["unit"], first["section"]), ("start <of> a & b", "ms", "start"))
        self.assertEqual([(m["target"], m["met"]) for m in document["measures"]],
                         [("≤ 1.5 ms", True), ("ahead of all peers", False), ("≥ 5 × peer", False), (None, None)])
        self.assertEqual(second["peers"][0]["ratio"], 0.5)
        self.assertIsNone(third["peers"][0]["ratio"])
        self.assertEqual(fourth["limits"], [])

    def test_chart_is_xml_with_a_bar_for_every_figure(self):
        drawn = xml.fromstring(chart.to_svg(measures()))
        width, height = float(drawn.get("width")), float(drawn.get("height"))
        texts = ["".join(text.itertext()) for text in drawn.iter(f"{SVG}text")]
        for expected in ("start <of> a & b", "1.25 ms", "250 ms", "200 ×", "≤ 1.5 ms: met", "ahead of all peers: MISSED", "-0.50 ms",
                         "throughput, more is better"):
            self.assertIn(expected, texts)
        bars = [bar for bar in drawn.iter(f"{SVG}rect") if bar.get("class") != "page"]
        figures = sum(len(list(measure.figures())) for measure in measures())
        self.assertEqual(len(bars), figures + len(chart.KINDS))
        for bar in bars:
            left, top, wide, high = (float(bar.get(name)) for name in ("x", "y", "width", "height"))
            self.assertTrue(0 < wide and left + wide < width and 0 < top and top + high < height, bar.attrib)
        first, beside, peer = (float(bar.get("width")) for bar in bars[len(chart.KINDS) :][:3])
        self.assertLess(first, beside)
        self.assertAlmostEqual(beside / peer, 0.01, places=2)

    def test_a_figure_under_another_condition_is_in_the_table(self):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            table.show(measures(), [])
        (line,) = [line for line in printed.getvalue().splitlines() if "supervisor, otherwise" in line]
        self.assertRegex(line, r"supervisor, otherwise +2\.50 ms +1 +2\.00 ×$")


if __name__ == "__main__":
    unittest.main()
