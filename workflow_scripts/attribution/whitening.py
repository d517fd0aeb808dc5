"""The preconditioner: second moments of projected gradients and the whitening they give.

H_m = mean over documents of u_m u_m^T for each linear layer m;
w_m = (H_m + damping * mean eigenvalue of H_m * I)^(-1/2) u_m;
v = w / |w| over all layers (TrackStar, arXiv 2410.17413, as in arXiv 2606.11660).

Under n projections a row is n rows side by side, each whitened with the second moments of its own
projection and of norm 1 / sqrt(n). The dot product of two rows is then the mean of n cosines, and
all that is linear in rows stays so.
"""

import torch


class Moments:
    """Second moments of two halves of the documents, summed in float64.

    Two halves rather than one sum, so that the stability of the fit can be measured.
    """

    def __init__(self, modules: int, block: int) -> None:
        """Start at zero for ``modules`` layers of ``block`` entries each."""
        self.sums = torch.zeros(2, modules, block, block, dtype=torch.float64)
        self.counts = [0, 0]

    def add(self, indices: list[int], rows: torch.Tensor) -> None:
        """Add raw rows (n, modules, block); a row's number decides its half."""
        for half in (0, 1):
            chosen = [place for place, index in enumerate(indices) if index % 2 == half]
            if not chosen:
                continue
            part = rows[chosen].transpose(0, 1)  # (modules, n, block)
            self.sums[half] += torch.bmm(part.transpose(1, 2), part).double().cpu()
            self.counts[half] += len(chosen)

    def mean(self, half: int | None = None) -> torch.Tensor:
        """(modules, block, block) float32 second moment, of all documents or of one half."""
        halves = (0, 1) if half is None else (half,)
        count = sum(self.counts[index] for index in halves)
        if count == 0:
            raise ValueError("no document has been added to the moments")
        total = torch.zeros_like(self.sums[0])
        for index in halves:
            total += self.sums[index]
        return (total / count).float()


def inverse_root(moments: torch.Tensor, damping: float) -> torch.Tensor:
    """(H + damping * mean eigenvalue * I)^(-1/2) per layer.

    Args:
        moments: (modules, block, block) float32 second moments.
        damping: in units of the mean eigenvalue of each layer.

    Returns:
        (modules, block, block) float32, symmetric; the zero matrix for a layer whose gradients
        are all zero, which then adds nothing to a row.
    """
    values, vectors = torch.linalg.eigh(moments.double())
    level = values.mean(dim=1, keepdim=True)
    damped = values.clamp(min=0) + damping * level
    scale = torch.where(level > 0, damped.clamp(min=torch.finfo(torch.float64).tiny).rsqrt(), 0.0)
    return (vectors * scale.unsqueeze(1) @ vectors.transpose(1, 2)).float()


def whiten(rows: torch.Tensor, roots: torch.Tensor) -> torch.Tensor:
    """Apply the whitening layer by layer.

    Args:
        rows: (n, modules, block) float32 raw rows.
        roots: (modules, block, block) float32 from :func:`inverse_root`.

    Returns:
        (n, modules * block) float32.
    """
    whitened = torch.bmm(rows.transpose(0, 1), roots)  # (modules, n, block)
    return whitened.transpose(0, 1).reshape(rows.shape[0], -1)


def part_norms(rows: torch.Tensor, projections: int = 1) -> torch.Tensor:
    """(n, projections) norms of each row's parts (n, d)."""
    parts = rows.reshape(len(rows) * projections, -1)
    return torch.linalg.vector_norm(parts, dim=1).reshape(len(rows), projections)


def unit(rows: torch.Tensor, projections: int = 1) -> torch.Tensor:
    """Unit rows whose dot product is the mean over projections of the parts' cosines.

    Args:
        rows: (n, d) float, a part of equal length for each projection.
        projections: number of parts.

    Returns:
        (n, d); each part divided by its norm and by sqrt(projections). A zero part stays zero.
    """
    norms = part_norms(rows, projections).clamp(min=torch.finfo(rows.dtype).tiny)
    parts = rows.reshape(len(rows), projections, -1)
    return (parts / (norms * projections**0.5).unsqueeze(2)).reshape(rows.shape)


def averaged(rows: torch.Tensor, projections: int = 1) -> torch.Tensor:
    """Raw rows (n, d) whose dot product is the mean over projections of the parts' products."""
    return rows if projections == 1 else rows / projections**0.5
