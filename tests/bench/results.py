"""All measures as JSON."""

import json


def to_json(measures, machine, notes):
    document = {"machine": machine, "measures": [described(measure) for measure in measures], "notes": notes}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def described(measure):
    """`ratio` of another figure: how many times better ours is. `target` is text, `met` is null where there is none."""
    groups = {"beside": [], "peer": [], "limit": []}
    for kind, figure in measure.figures():
        if kind != "ours":
            groups[kind].append(numbers(figure) | {"ratio": rounded(measure.ratio(figure))})
    return {
        "section": measure.section,
        "title": measure.title,
        "unit": measure.unit,
        "better": measure.better,
        "ours": numbers(measure.ours),
        "beside": groups["beside"],
        "peers": groups["peer"],
        "limits": groups["limit"],
        "target": measure.wanted() or None,
        "met": measure.met(),
    }


def numbers(figure):
    return {
        "who": figure.who,
        "median": rounded(figure.median),
        "min": rounded(min(figure.samples)),
        "max": rounded(max(figure.samples)),
        "runs": len(figure.samples),
    }


def rounded(value):
    """Four digits: more than any of them is sure of."""
    return None if value is None else float(f"{value:.4g}")
