"""BERT in NumPy float64, written from the papers alone: what the kit's models are compared with.

One sequence at a time, one head at a time, padding as minus infinity. Only the names of the weights
are the kit's.
"""

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x):
    """`x Phi(x)`, https://arxiv.org/abs/1606.08415."""
    return x * (1 + erf(x / math.sqrt(2))) / 2


def softmax(scores):
    """Over the last axis."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def layer_norm(x, weights, epsilon=1e-12):
    """https://arxiv.org/abs/1607.06450, section 3."""
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return weights["gamma"] * (x - mean) / np.sqrt(variance + epsilon) + weights["beta"]


def dense(x, weights):
    return x @ weights["kernel"] + weights["bias"]


def self_attention(x, is_token, weights, num_heads):
    """Attention Is All You Need, section 3.2.

    Args:
        x: `(T, D)`.
        is_token: `(T,)`, false for padding.
        weights: those of the layer.
        num_heads: N.

    Returns:
        `Concat(head_1, ..., head_N) W_O (T, D)`, and the attention weights `(N, T, T)`.
    """
    width = x.shape[1] // num_heads
    kernels = np.split(weights["query_key_value/kernel"], 3, axis=1)
    biases = np.split(weights["query_key_value/bias"], 3)
    heads, attention = [], []
    for head in range(num_heads):
        columns = slice(head * width, (head + 1) * width)
        query, key, value = (
            x @ kernel[:, columns] + bias[columns]
            for kernel, bias in zip(kernels, biases, strict=True)
        )
        scores = query @ key.T / math.sqrt(width)
        scores[:, ~is_token] = -np.inf
        attention.append(softmax(scores))
        heads.append(attention[-1] @ value)
    output = dense(np.concatenate(heads, axis=1), within(weights, "output_projection"))
    return output, np.stack(attention)


def feed_forward(x, weights):
    """Attention Is All You Need, section 3.3, with the GELU of BERT."""
    hidden = gelu(dense(x, within(weights, "intermediate")))
    return dense(hidden, within(weights, "output_projection"))


def block(x, is_token, weights, num_heads, epsilon=1e-12):
    """Attention Is All You Need, section 3.1: `LayerNorm(x + Sublayer(x))`, twice."""
    attended, attention = self_attention(x, is_token, within(weights, "attention"), num_heads)
    x = layer_norm(x + attended, within(weights, "attention_norm"), epsilon)
    fed = feed_forward(x, within(weights, "feed_forward"))
    return layer_norm(x + fed, within(weights, "feed_forward_norm"), epsilon), attention


def embeddings(token_ids, segment_ids, weights, position_offset=0, epsilon=1e-12):
    """BERT, section 3 and figure 2: the sum of token, segment and position embeddings."""
    positions = np.arange(len(token_ids)) + position_offset
    x = weights["token/table"][token_ids] + weights["position_table"][positions]
    if segment_ids is not None:
        x = x + weights["segment_table"][segment_ids]
    return layer_norm(x, within(weights, "layer_norm"), epsilon)


def encoder(inputs, weights, num_heads, position_offset=0, epsilon=1e-12):
    """The encoder on a batch.

    Args:
        inputs: `token_ids`, `padding_mask` and perhaps `segment_ids`, each `(B, T)`.
        weights: those of the encoder, with or without a pooler.
        num_heads: N.
        position_offset: position of the first token.
        epsilon: of the layer norms.

    Returns:
        `sequence_output (B, T, D)`, perhaps `pooled_output (B, D)`, and the lists `hidden_states`,
        `(B, T, D)` each, and `attention`, `(B, N, T, T)` each.
    """
    num_layers = len({path.split("/")[0] for path in weights if path.startswith("block_")})
    rows = []
    for row in range(len(inputs["token_ids"])):
        segment_ids = inputs["segment_ids"][row] if "segment_ids" in inputs else None
        is_token = np.asarray(inputs["padding_mask"][row], bool)
        x = embeddings(
            inputs["token_ids"][row],
            segment_ids,
            within(weights, "embeddings"),
            position_offset,
            epsilon,
        )
        states, attention = [x], []
        for index in range(num_layers):
            part = within(weights, f"block_{index}")
            x, looks = block(x, is_token, part, num_heads, epsilon)
            states.append(x)
            attention.append(looks)
        rows.append((states, attention))
    outputs = {
        "hidden_states": [np.stack(states) for states in zip(*(s for s, _ in rows), strict=True)],
        "attention": [np.stack(looks) for looks in zip(*(a for _, a in rows), strict=True)],
    }
    outputs["sequence_output"] = outputs["hidden_states"][-1]
    if "pooler/kernel" in weights:
        first_tokens = outputs["sequence_output"][:, 0]
        outputs["pooled_output"] = np.tanh(dense(first_tokens, within(weights, "pooler")))
    return outputs


def masked_lm(sequence_output, mask_positions, weights, table, epsilon=1e-12):
    """BERT, section 3.1, task 1, with `table`, the token embeddings, as output weights.

    Returns:
        Logits `(B, M, V)`.
    """
    rows = zip(sequence_output, mask_positions, strict=True)
    masked = np.stack([row[positions] for row, positions in rows])
    hidden = gelu(dense(masked, within(weights, "transform")))
    return (
        layer_norm(hidden, within(weights, "layer_norm"), epsilon) @ table.T
        + (weights["output_bias"])
    )


def next_sentence(pooled_output, weights):
    """BERT, section 3.1, task 2; logits `(B, 2)`."""
    return dense(pooled_output, within(weights, "linear"))


def within(weights, name):
    """The weights of the part called `name`, their paths shortened by it."""
    prefix = f"{name}/"
    return {
        path.removeprefix(prefix): value
        for path, value in weights.items()
        if path.startswith(prefix)
    }


def weights_of(layer):
    """All weights of a Keras layer or model in float64, by path within it."""
    weights = {weight.path: np.asarray(weight.value, np.float64) for weight in layer.weights}
    return within(weights, layer.name) or weights


def randomize(layer, seed=0, deviation=0.3):
    """Gives every weight of a Keras layer or model, biases and norms too, a value that matters."""
    generator = np.random.default_rng(seed)
    for weight in layer.weights:
        centre = 1.0 if weight.path.endswith("gamma") else 0.0
        weight.assign(centre + deviation * generator.standard_normal(weight.shape))
