"""Writes what the library `tokenizers` makes of texts, for scripts/tokenizers.mjs to compare with:
`python scripts/golden/tokenizer_ids.py FOLDER TEXTS OUT`. FOLDER has a tokenizer.json, or what `transformers` makes one
of; TEXTS is a JSON list of texts; OUT gets the ids of every text as unsigned 32-bit numbers, each list behind its
length. Neither the product nor its tests run Python.
"""

import array
import json
import sys
from pathlib import Path

folder, texts, out = sys.argv[1:4]
if (Path(folder) / "tokenizer.json").exists():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
else:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder).backend_tokenizer

numbers = array.array("I")
for text in json.loads(Path(texts).read_text(encoding="utf-8")):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    numbers.append(len(ids))
    numbers.extend(ids)
Path(out).write_bytes(numbers.tobytes())
