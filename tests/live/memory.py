"""What a process has in its memory."""

_PIECE = 4 << 20
# Pages that the kernel lends to every process; they cannot be read from outside.
_KERNELS = ("[vvar]", "[vvar_vclock]", "[vsyscall]")


def find(pid, words):
    """The regions of memory with each of `words`, by word.

    All that is mapped and readable, heap, stacks, and rings that the kernel writes. Raises OSError
    where a part of it cannot be read.
    """
    found = {word: set() for word in words}
    overlap = max(map(len, words)) - 1
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for row in maps:
            fields = row.split(maxsplit=5)
            name = fields[5].strip() if len(fields) > 5 else "no file"
            if fields[1][0] != "r" or name in _KERNELS:
                continue
            start, end = (int(part, 16) for part in fields[0].split("-"))
            tail = b""
            for at in range(start, end, _PIECE):
                memory.seek(at)
                piece = tail + memory.read(min(_PIECE, end - at))
                for word in words:
                    if word in piece:
                        found[word].add(name)
                tail = piece[-overlap:]
    return found
