"""Writes test/golden/parquet: small tables as pyarrow writes them, one for each way of packing.

Made with pyarrow 26. Run from the root: python scripts/golden/make_parquet_golden.py
"""
import json
import os

import pyarrow
import pyarrow.parquet

FOLDER = 'test/golden/parquet'
os.makedirs(FOLDER, exist_ok=True)
CLASSES = {'info': {'features': {
    'text': {'dtype': 'string', '_type': 'Value'},
    'label': {'names': ['good', 'bad'], '_type': 'ClassLabel'},
}}}


def table(first, count, classes):
    numbers = range(first, first + count)
    made = pyarrow.table({
        'text': [f'film {i} was seen' for i in numbers],
        'label': pyarrow.array([i % 2 for i in numbers], pyarrow.int64()),
        'minutes': pyarrow.array([i / 2 for i in numbers], pyarrow.float64()),
        'parts': [['a', str(i)] for i in numbers],
    })
    return made.replace_schema_metadata({'huggingface': json.dumps(CLASSES)} if classes else None)


for codec in ('none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'):
    pyarrow.parquet.write_table(table(0, 12, True), f'{FOLDER}/{codec}.parquet', compression=codec, row_group_size=5)
pyarrow.parquet.write_table(table(12, 8, False), f'{FOLDER}/plain.parquet')
