"""The folder of a model: one on this machine, or one that the Hugging Face Hub is asked for."""

import re
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

# What the models of BERT's family need besides their weights; whatever a repository lacks is left.
SMALL_FILES = (
    "config.json",
    "vocab.txt",
    "merges.txt",
    "vocab.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
    "sentencepiece.bpe.model",
)
# In the order of preference, the first name of each being the one that says whether it is there.
WEIGHTS = (
    ("model.safetensors",),
    ("model.safetensors.index.json", "model-*-of-*.safetensors"),
    ("pytorch_model.bin",),
    ("pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin"),
)
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


def local_folder(
    source: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    offline: bool = False,
    token: str | None = None,
) -> Path:
    """Finds the folder of a model, and downloads it first if it is named by its Hub id.

    Only what is needed is downloaded: the configuration, the tokenizer's files, and the weights in
    one format, safetensors if the repository has them and `pytorch_model.bin` if not. What is in
    the cache already is not downloaded again. Without a network the cache alone is used, as it is
    with the environment variable `HF_HUB_OFFLINE=1`.

    Args:
        source: a folder, or an id of the Hub: `owner/name`, or `name` for the oldest models.
        revision: branch, tag or commit; `None` for the main branch. Only for an id.
        cache_dir: where downloads are kept; `None` for the cache that Transformers shares.
        offline: whether to take the model from the cache and ask nobody.
        token: an access token; `None` for the one that `hf auth login` stored, if any.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if there is no such folder, or no network and no copy in the cache.
        ValueError: if the Hub has no such model or revision or gives no access to it, or the model
            has no weights in a format that can be read; or `source` is a file, or a folder with a
            `revision`.
        OSError: if the download fails.

    Example:
        >>> local_folder("./no-such-folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: The folder ./no-such-folder does not exist. Give the path of a folder, \
or an id of the Hugging Face Hub such as `google-bert/bert-base-uncased`.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        if revision is not None:
            raise ValueError(
                f"{source} is a folder, which has no revisions, but `revision` is {revision!r}. "
                "Leave it out, or give the id of a model on the Hub."
            )
        return path
    if path.exists():
        raise ValueError(f"{source} is a file. Give the folder that it is in.")
    if isinstance(source, Path) or not HUB_ID.fullmatch(source):
        raise FileNotFoundError(
            f"The folder {source} does not exist. Give the path of a folder, or an id of the "
            "Hugging Face Hub such as `google-bert/bert-base-uncased`."
        )
    named = source if revision is None else f"{source} (revision {revision})"
    try:
        for weights in WEIGHTS:
            folder = Path(
                snapshot_download(
                    source,
                    revision=revision,
                    cache_dir=cache_dir,
                    token=token,
                    local_files_only=offline,
                    allow_patterns=[*SMALL_FILES, *weights],
                )
            )
            if (folder / weights[0]).exists():
                return folder
    except (HTTPError, HFValidationError, OSError) as error:
        raise _explained(error, source, named, offline or constants.HF_HUB_OFFLINE) from error
    raise ValueError(
        f"{named} has no weights that can be read: one of "
        f"{', '.join(names[0] for names in WEIGHTS)} was expected. Choose another model, or, if it "
        "was downloaded in part by another program, download it again with a network. A preset of "
        f"KerasHub is loaded as `hf://{source}`."
    )


def _explained(error: Exception, source: str, named: str, offline: bool) -> Exception:
    """The error that says what to do, in place of the one of huggingface_hub."""
    page = f"{constants.ENDPOINT}/{source}"
    if isinstance(error.__cause__, HfHubHTTPError) and error.__cause__.response.status_code == 403:
        error = error.__cause__  # it reports a refusal as it does a lack of network
    part = "wholly " if isinstance(error, IncompleteSnapshotError) else ""
    match error:
        case GatedRepoError():
            return ValueError(
                f"{source} is gated: its owner lets in only those who asked. Ask at {page}, and "
                "pass an access token of yours as `token`, or log in with `hf auth login`."
            )
        case RepositoryNotFoundError():
            return ValueError(
                f"There is neither a folder {source} nor a model of that id on the Hub ({page}). "
                "Check the spelling; if the model is private, pass an access token as `token`, or "
                "log in with `hf auth login`."
            )
        case RevisionNotFoundError():
            return ValueError(
                f"{source} is on the Hub, but not in this revision: {named}. See {page}/tree/main "
                "for its branches and tags, or leave `revision` out."
            )
        case HFValidationError():
            return ValueError(
                f"There is no folder {source}, and it cannot be the id of a model on the Hub "
                f"either ({_first_line(error)}). Check the spelling."
            )
        case LocalEntryNotFoundError() if offline:
            return FileNotFoundError(
                f"{named} is not {part}in the cache of downloads, and offline mode is on. Run once "
                "with a network, without `offline` and without `HF_HUB_OFFLINE`."
            )
        case LocalEntryNotFoundError():
            return FileNotFoundError(
                f"{named} is not {part}in the cache of downloads, and {constants.ENDPOINT} could "
                f"not be reached ({_first_line(error.__cause__ or error)}). Check the network, or "
                "give a folder."
            )
        case HfHubHTTPError() if error.response.status_code in (401, 403):
            return ValueError(
                f"The Hub gives no access to {named} (HTTP {error.response.status_code}). Pass a "
                "valid access token as `token`, or log in with `hf auth login`."
            )
        case _:
            return OSError(
                f"{named} could not be downloaded: {_first_line(error)}. What is there already "
                "is kept: run the same again."
            )


def _first_line(error: BaseException) -> str:
    """The first line of what it says, or its type if it says nothing."""
    lines = str(error).split("\n")
    return next((line.strip() for line in lines if line.strip()), type(error).__name__).rstrip(".")
