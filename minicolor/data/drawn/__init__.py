"""How the scenes are drawn: canvas, shapes, textures, palette, and one painter per kind of picture. numpy only."""
