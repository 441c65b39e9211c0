"""What the weights of BERT are called in Transformers, in Google's release and in KerasHub."""

from keras_bert_kit.convert.name_table import Family, dense, norm, output, single

_HF, _GOOGLE, _KERAS_HUB = "encoder.layer.{i}", "encoder/layer_{i}", "transformer_layer_{i}"

BERT = Family(
    name="bert",
    prefixes={"hugging_face": "bert.", "google": "bert/"},
    encoder=(
        single(
            "embeddings/token/table",
            hugging_face="embeddings.word_embeddings.weight",
            google="embeddings/word_embeddings",
            keras_hub="token_embedding/embeddings",
        ),
        single(
            "embeddings/position_table",
            hugging_face="embeddings.position_embeddings.weight",
            google="embeddings/position_embeddings",
            keras_hub="position_embedding/embeddings",
        ),
        single(
            "embeddings/segment_table",
            hugging_face="embeddings.token_type_embeddings.weight",
            google="embeddings/token_type_embeddings",
            keras_hub="segment_embedding/embeddings",
        ),
        norm(
            "embeddings/layer_norm",
            hugging_face="embeddings.LayerNorm",
            google="embeddings/LayerNorm",
            keras_hub="embeddings_layer_norm",
        ),
        dense(
            "block_{i}/attention/query_key_value",
            hugging_face=_HF + ".attention.self.{query,key,value}",
            google=_GOOGLE + "/attention/self/{query,key,value}",
            keras_hub=_KERAS_HUB + "/self_attention_layer/{query,key,value}",
        ),
        dense(
            "block_{i}/attention/output_projection",
            hugging_face=_HF + ".attention.output.dense",
            google=_GOOGLE + "/attention/output/dense",
            keras_hub=_KERAS_HUB + "/self_attention_layer/attention_output",
        ),
        norm(
            "block_{i}/attention_norm",
            hugging_face=_HF + ".attention.output.LayerNorm",
            google=_GOOGLE + "/attention/output/LayerNorm",
            keras_hub=_KERAS_HUB + "/self_attention_layer_norm",
        ),
        dense(
            "block_{i}/feed_forward/intermediate",
            hugging_face=_HF + ".intermediate.dense",
            google=_GOOGLE + "/intermediate/dense",
            keras_hub=_KERAS_HUB + "/feedforward_intermediate_dense",
        ),
        dense(
            "block_{i}/feed_forward/output_projection",
            hugging_face=_HF + ".output.dense",
            google=_GOOGLE + "/output/dense",
            keras_hub=_KERAS_HUB + "/feedforward_output_dense",
        ),
        norm(
            "block_{i}/feed_forward_norm",
            hugging_face=_HF + ".output.LayerNorm",
            google=_GOOGLE + "/output/LayerNorm",
            keras_hub=_KERAS_HUB + "/feedforward_layer_norm",
        ),
        dense(
            "pooler",
            hugging_face="pooler.dense",
            google="pooler/dense",
            keras_hub="pooled_dense",
        ),
    ),
    heads={
        "masked_lm": (
            dense(
                "masked_lm/transform",
                hugging_face="cls.predictions.transform.dense",
                google="cls/predictions/transform/dense",
                keras_hub="mlm_head/intermediate_dense",
            ),
            norm(
                "masked_lm/layer_norm",
                hugging_face="cls.predictions.transform.LayerNorm",
                google="cls/predictions/transform/LayerNorm",
                keras_hub="mlm_head/intermediate_layer_norm",
            ),
            single(
                "masked_lm/output_bias",
                hugging_face="cls.predictions.bias",
                google="cls/predictions/output_bias",
                keras_hub="mlm_head/output_bias",
            ),
        ),
        "next_sentence": (
            output(
                "next_sentence/linear",
                hugging_face="cls.seq_relationship",
                google="cls/seq_relationship/",
            ),
        ),
        # Google's: run_classifier.py and run_squad.py
        "classifier": (
            output("classifier/linear", hugging_face="classifier", google="", keras_hub="logits"),
        ),
        "tagger": (dense("tagger/linear", hugging_face="classifier"),),
        "span": (output("span/linear", hugging_face="qa_outputs", google="cls/squad/"),),
    },
)
