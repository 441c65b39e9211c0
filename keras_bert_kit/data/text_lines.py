"""Bytes of one text file, compressed or not, to lines of text, in blocks of a megabyte."""

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO

BLOCK_BYTES = 1 << 20
LONGEST_LINE = 8 << 20  # bytes; a longer line is cut, so that memory stays bounded

_OPENERS = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error)

COMPRESSED_ENDINGS = tuple(_OPENERS)


class TextLines:
    """The lines of one text file, without their line ends, which may be Unix, Windows or old Mac.

    A byte order mark at the start is dropped.

    Args:
        file: the file, opened in binary mode.
        name: its name: what error messages call it, and its ending says how it is compressed.
        encoding: the name of an encoding in which a line feed is the byte 0A.
        undecodable: `"error"`, or `"skip"` to leave out (and count in `num_skipped`) the lines that
            are not valid in `encoding`.
        rows: whether each line is a row. Otherwise it is prose, and a line of more than
            `LONGEST_LINE` bytes is cut, at a space where there is one. A row is never cut, and one
            that is skipped counts as an empty one, so that rows keep their numbers.

    Raises:
        ValueError: while iterating, if the file is binary, damaged, or not valid in `encoding`.

    Example:
        >>> import io
        >>> list(TextLines(io.BytesIO(b"one\\r\\ntwo"), "example.txt"))
        ['one', 'two']
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        encoding: str = "utf-8",
        undecodable: str = "error",
        rows: bool = False,
    ):
        self.file = file
        self.name = name
        self.encoding = encoding
        self.undecodable = undecodable
        self.rows = rows
        self.num_skipped = 0

    def __iter__(self) -> Iterator[str]:
        """Reads the file once, from where it stands."""
        position = 0
        for block in self._blocks():
            if position == 0:
                self._check_is_text(block)
            lines = self._decode(block, position)
            if position == 0 and lines:
                lines[0] = lines[0].removeprefix("\ufeff")
            yield from lines
            position += len(block)

    def _blocks(self) -> Iterator[bytes]:
        """Blocks of whole lines; a block without a line feed at its end is the last one, or cut."""
        ending = next((e for e in COMPRESSED_ENDINGS if self.name.lower().endswith(e)), None)
        stream = _OPENERS[ending](self.file) if ending else self.file
        rest, size = [], 0  # what has no line feed yet: joined once, as a line may be very long
        while True:
            try:
                new = stream.read(BLOCK_BYTES)
            except _DAMAGED as error:
                if not ending:
                    raise
                raise ValueError(
                    f"{self.name} cannot be decompressed ({error}). It is damaged, cut short or "
                    f"not a {ending} file: make it again."
                ) from error
            if not new:
                break
            end = new.rfind(b"\n") + 1
            if end:
                yield b"".join([*rest, new[:end]])
                rest, size = [new[end:]], len(new) - end
                continue
            rest.append(new)
            size += len(new)
            if not self.rows and size > LONGEST_LINE:
                line = b"".join(rest)
                end = line.rfind(b" ") + 1 or self._last_whole_character(line)
                yield line[:end]
                rest, size = [line[end:]], len(line) - end
        if size:
            yield b"".join(rest)

    def _last_whole_character(self, block: bytes) -> int:
        """Where the last character that lies in `block` as a whole ends."""
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        decoder.decode(block)
        return len(block) - len(decoder.getstate()[0])

    def _check_is_text(self, block: bytes) -> None:
        position = block.find(b"\0", 0, 8_000)  # git's rule
        if position >= 0:
            utf_16 = block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            raise ValueError(
                f"{self.name} is not a text file: byte {position} is 0x00. "
                + (
                    "It looks like UTF-16: convert it, as with `iconv -f utf-16 -t utf-8`."
                    if utf_16
                    else "Remove it from the folder, or name the files to read."
                )
            )

    def _decode(self, block: bytes, position: int) -> list[str]:
        try:
            text = block.decode(self.encoding)
        except UnicodeDecodeError as error:
            if self.undecodable == "skip":
                return self._decode_each_line(block)
            byte = block[error.start]
            raise ValueError(
                f"{self.name} is not {self.encoding}: byte {position + error.start} is "
                f"0x{byte:02x} ({error.reason}). Give its encoding, such as `--encoding latin-1`, "
                "or leave such lines out with `--undecodable skip`."
            ) from error
        return _split_lines(text)

    def _decode_each_line(self, block: bytes) -> list[str]:
        lines = []
        for line in block.removesuffix(b"\n").split(b"\n"):
            try:
                lines += _split_lines(line.decode(self.encoding))
            except UnicodeDecodeError:
                self.num_skipped += 1
                lines += [""] * self.rows
        return lines


def _split_lines(text: str) -> list[str]:
    # Not `splitlines`, which also splits at U+2028, form feeds and other control characters.
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.removesuffix("\n").split("\n")
