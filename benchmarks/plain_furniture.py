"""Finding furniture as it is often done: a CSV in a DataFrame, and a model of 32 bits by torch. For any interpreter
that has pandas and torch; with transformers the model is theirs, else torch's own layers of the same shape.

python -m benchmarks.plain_furniture PRODUCTS.csv VECTORS.npy {transformers|torch}
"""

from __future__ import annotations

import json
import sys

from benchmarks.resident import resident

LAYERS, WIDTH, HEADS, INNER, WORDS, TOKENS = 6, 384, 12, 1536, 30_522, 512
"""Of all-MiniLM-L6-v2. What the weights are doesn't matter to what they take."""


def main() -> None:
    """Prints, for each step, what this process takes after it."""
    products, vectors, kind = sys.argv[1:]
    told = {"python": resident()}

    import numpy  # noqa: ICN001, PLC0415 - each step is looked at
    import pandas  # noqa: ICN001, PLC0415
    import torch  # noqa: PLC0415

    made = _by_transformers if kind == "transformers" else _by_torch
    encode, versions = made(torch)
    told["model"] = resident()
    frame = pandas.read_csv(products)
    # A row's own array each would take more.
    frame["embedding"] = list(numpy.load(vectors))
    told["catalogue"] = resident()
    vector = encode(torch.randint(1000, WORDS, (1, 8))).numpy()
    scores = numpy.array([row @ vector for row in frame["embedding"]])
    found = frame.iloc[numpy.argsort(-scores)[:20]]
    told["searched"] = resident()
    what = f"pandas {pandas.__version__}, torch {torch.__version__}, {versions}"
    print(json.dumps({"what": what, "found": len(found), "parameters": encode.parameters, "told": told}))


def _by_transformers(torch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - not installed here
    import transformers  # noqa: PLC0415

    config = transformers.BertConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=TOKENS,
    )
    model = transformers.BertModel(config).eval()

    def encode(tokens):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        with torch.inference_mode():
            return torch.nn.functional.normalize(model(tokens).last_hidden_state.mean(1), dim=-1)[0]

    encode.parameters = sum(one.numel() for one in model.parameters())  # type: ignore[attr-defined]
    return encode, f"transformers {transformers.__version__}"


def _by_torch(torch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, activation="gelu", batch_first=True)
    words, places = torch.nn.Embedding(WORDS, WIDTH), torch.nn.Embedding(TOKENS, WIDTH)
    layers = torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False).eval()

    def encode(tokens):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        with torch.inference_mode():
            read = words(tokens) + places(torch.arange(tokens.shape[1]))
            return torch.nn.functional.normalize(layers(read).mean(1), dim=-1)[0]

    parts = (words, places, layers)
    encode.parameters = sum(one.numel() for part in parts for one in part.parameters())  # type: ignore[attr-defined]
    return encode, "layers of torch's own"


if __name__ == "__main__":
    main()
