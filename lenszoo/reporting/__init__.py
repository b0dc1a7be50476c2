"""Reports and their panels: tables, figures, saliency maps and the style that they share."""
