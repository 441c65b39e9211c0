"""What the weights of RoBERTa are called in Transformers and in KerasHub."""

from keras_bert_kit.convert.name_table import Family, dense, norm, single

_HF, _KERAS_HUB = "encoder.layer.{i}", "transformer_layer_{i}"

ROBERTA = Family(
    name="roberta",
    prefixes={"hugging_face": "roberta."},
    encoder=(
        single(
            "embeddings/token/table",
            hugging_face="embeddings.word_embeddings.weight",
            keras_hub="embeddings/token_embedding/embeddings",
        ),
        single(
            "embeddings/position_table",
            hugging_face="embeddings.position_embeddings.weight",
            keras_hub="embeddings/position_embedding/embeddings",
        ),
        single(
            "embeddings/segment_table",
            hugging_face="embeddings.token_type_embeddings.weight",
        ),
        norm(
            "embeddings/layer_norm",
            hugging_face="embeddings.LayerNorm",
            keras_hub="embeddings_layer_norm",
        ),
        dense(
            "block_{i}/attention/query_key_value",
            hugging_face=_HF + ".attention.self.{query,key,value}",
            keras_hub=_KERAS_HUB + "/self_attention_layer/{query,key,value}",
        ),
        dense(
            "block_{i}/attention/output_projection",
            hugging_face=_HF + ".attention.output.dense",
            keras_hub=_KERAS_HUB + "/self_attention_layer/attention_output",
        ),
        norm(
            "block_{i}/attention_norm",
            hugging_face=_HF + ".attention.output.LayerNorm",
            keras_hub=_KERAS_HUB + "/self_attention_layer_norm",
        ),
        dense(
            "block_{i}/feed_forward/intermediate",
            hugging_face=_HF + ".intermediate.dense",
            keras_hub=_KERAS_HUB + "/feedforward_intermediate_dense",
        ),
        dense(
            "block_{i}/feed_forward/output_projection",
            hugging_face=_HF + ".output.dense",
            keras_hub=_KERAS_HUB + "/feedforward_output_dense",
        ),
        norm(
            "block_{i}/feed_forward_norm",
            hugging_face=_HF + ".output.LayerNorm",
            keras_hub=_KERAS_HUB + "/feedforward_layer_norm",
        ),
        dense(
            "pooler",
            hugging_face="pooler.dense",
        ),
    ),
    heads={
        "masked_lm": (
            dense(
                "masked_lm/transform",
                hugging_face="lm_head.dense",
                keras_hub="mlm_head/intermediate_dense",
            ),
            norm(
                "masked_lm/layer_norm",
                hugging_face="lm_head.layer_norm",
                keras_hub="mlm_head/intermediate_layer_norm",
            ),
            single(
                "masked_lm/output_bias",
                hugging_face="lm_head.bias",
                keras_hub="mlm_head/output_bias",
            ),
        ),
        "classifier": (
            dense("classifier/hidden", hugging_face="classifier.dense", keras_hub="pooled_dense"),
            dense("classifier/linear", hugging_face="classifier.out_proj", keras_hub="logits"),
        ),
        "tagger": (dense("tagger/linear", hugging_face="classifier"),),
        "span": (dense("span/linear", hugging_face="qa_outputs"),),
    },
)
