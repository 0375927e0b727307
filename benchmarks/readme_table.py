"""Print the README's table from the cards of the shipped models and the published rows.

Usage: python benchmarks/readme_table.py
"""

from acutance.evaluation.table import published_rows
from acutance.inference.models import shipped
from acutance.metrics.protocol import PROTOCOLS


def main() -> None:
    """A table in Markdown, scale by scale."""
    print("| | scale | PSNR | SSIM | HFENI |\n|---|---|---:|---:|---:|")
    for name, card in sorted(shipped().items(), key=lambda item: item[1].scale):
        figures = card.metrics["poster2017"]["all"]
        print(
            f"| **Acutance `{name}`** | x{card.scale} | {figures['psnr']:.2f} "
            f"| {figures['ssim']:.4f} | {figures['hfeni']:.4f} |"
        )
        for line in published_rows(card.scale, PROTOCOLS["poster2017"]):
            print(
                f"| *{line.method}* | x{card.scale} | *{line.psnr:.2f}* "
                f"| *{line.ssim:.4f}* | *{line.hfeni:.4f}* |"
            )


if __name__ == "__main__":
    main()
