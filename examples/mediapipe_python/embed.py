"""How alike a text is to others, with MediaPipe and an encoder that was exported without a head.

pip install mediapipe==1.2.2
python embed.py dynamic_int8.tflite "It rains." "Rain fell all day." "He sold the ship."
"""

import sys

from mediapipe.tasks.python.text import TextEmbedder
from plain import plain

model, first, *others = sys.argv[1:]
with TextEmbedder.create_from_model_path(model) as embedder:
    embedding = embedder.embed(plain(first)).embeddings[0]  # its `.embedding` is a NumPy array
    for text in others:
        other = embedder.embed(plain(text)).embeddings[0]
        print(f"{TextEmbedder.cosine_similarity(embedding, other):.6f}  {text}")
