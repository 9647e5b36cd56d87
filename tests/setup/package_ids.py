"""Reads `cargo metadata` and writes it with the package ids of cargo before 1.77: `name version (source)`."""

import json
import sys


def main():
    metadata = json.load(sys.stdin)
    ids = {p["id"]: f"{p['name']} {p['version']} ({p['id'].split('#')[0]})" for p in metadata["packages"]}

    def translate(value):
        if isinstance(value, dict):
            return {key: translate(item) for key, item in value.items()}
        if isinstance(value, list):
            return [translate(item) for item in value]
        return ids.get(value, value) if isinstance(value, str) else value

    json.dump(translate(metadata), sys.stdout)


if __name__ == "__main__":
    main()
