"""What the weights of DistilBERT are called in Transformers and in KerasHub."""

from keras_bert_kit.convert.name_table import Family, dense, norm, single

_HF, _KERAS_HUB = "transformer.layer.{i}", "transformer_layer_{i}"

DISTILBERT = Family(
    name="distilbert",
    prefixes={"hugging_face": "distilbert."},
    encoder=(
        single(
            "embeddings/token/table",
            hugging_face="embeddings.word_embeddings.weight",
            keras_hub="token_and_position_embedding/token_embedding/embeddings",
        ),
        single(
            "embeddings/position_table",
            hugging_face="embeddings.position_embeddings.weight",
            keras_hub="token_and_position_embedding/position_embedding/embeddings",
        ),
        norm(
            "embeddings/layer_norm",
            hugging_face="embeddings.LayerNorm",
            keras_hub="embeddings_layer_norm",
        ),
        dense(
            "block_{i}/attention/query_key_value",
            hugging_face=_HF + ".attention.{q_lin,k_lin,v_lin}",
            keras_hub=_KERAS_HUB + "/self_attention_layer/{query,key,value}",
        ),
        dense(
            "block_{i}/attention/output_projection",
            hugging_face=_HF + ".attention.out_lin",
            keras_hub=_KERAS_HUB + "/self_attention_layer/attention_output",
        ),
        norm(
            "block_{i}/attention_norm",
            hugging_face=_HF + ".sa_layer_norm",
            keras_hub=_KERAS_HUB + "/self_attention_layer_norm",
        ),
        dense(
            "block_{i}/feed_forward/intermediate",
            hugging_face=_HF + ".ffn.lin1",
            keras_hub=_KERAS_HUB + "/feedforward_intermediate_dense",
        ),
        dense(
            "block_{i}/feed_forward/output_projection",
            hugging_face=_HF + ".ffn.lin2",
            keras_hub=_KERAS_HUB + "/feedforward_output_dense",
        ),
        norm(
            "block_{i}/feed_forward_norm",
            hugging_face=_HF + ".output_layer_norm",
            keras_hub=_KERAS_HUB + "/feedforward_layer_norm",
        ),
    ),
    heads={
        "masked_lm": (
            dense(
                "masked_lm/transform",
                hugging_face="vocab_transform",
                keras_hub="mlm_head/intermediate_dense",
            ),
            norm(
                "masked_lm/layer_norm",
                hugging_face="vocab_layer_norm",
                keras_hub="mlm_head/intermediate_layer_norm",
            ),
            single(
                "masked_lm/output_bias",
                hugging_face="vocab_projector.bias",
                keras_hub="mlm_head/output_bias",
            ),
        ),
        "classifier": (
            dense("classifier/hidden", hugging_face="pre_classifier", keras_hub="pooled_dense"),
            dense("classifier/linear", hugging_face="classifier", keras_hub="logits"),
        ),
        "tagger": (dense("tagger/linear", hugging_face="classifier"),),
        "span": (dense("span/linear", hugging_face="qa_outputs"),),
    },
)
