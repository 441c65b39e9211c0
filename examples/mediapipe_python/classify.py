"""Classifies texts with MediaPipe, which reads labels and tokenizer out of the `.tflite`.

pip install mediapipe==1.2.2
python classify.py dynamic_int8.tflite "A film to see twice." "Dull."
"""

import sys

from mediapipe.tasks.python.text import TextClassifier
from plain import plain

model, *texts = sys.argv[1:]
with TextClassifier.create_from_model_path(model) as classifier:
    for text in texts:
        print(text)
        for one in classifier.classify(plain(text)).classifications[0].categories:
            print(f"  {one.score:.6f}  {one.category_name}")
