"""Runs pip as it is configured and keeps the index pages that it reads: python record.py FOLDER ARGUMENT...

The bench's upstream serves real pages. pip asks for each of them anyway, so nothing is asked for twice.
The function that is wrapped is pip's own and private: the bench pins pip's version.
"""

import pathlib
import sys

import pip._internal.index.collector as collector
from pip._internal.cli.main import main

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
read = collector._make_index_content


def keep(response, *args, **kwargs):
    name = response.url.rstrip("/").rsplit("/", 1)[-1]
    folder.joinpath(name + ".json").write_bytes(response.content)
    return read(response, *args, **kwargs)


collector._make_index_content = keep
sys.exit(main(sys.argv[2:]))
