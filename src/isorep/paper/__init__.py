"""The paper's figures (Morcos et al. 2018), one module each, with the claims they check."""
