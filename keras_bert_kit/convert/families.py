"""The name tables of all families."""

from keras_bert_kit.convert.bert_names import BERT
from keras_bert_kit.convert.distilbert_names import DISTILBERT
from keras_bert_kit.convert.name_table import Family
from keras_bert_kit.convert.roberta_names import ROBERTA

FAMILIES: dict[str, Family] = {family.name: family for family in (BERT, ROBERTA, DISTILBERT)}
