import js from '@eslint/js';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib/**', 'node_modules/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  reactHooks.configs['recommended-latest'],
  {
    files: ['src/**/*.{ts,tsx}'],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      eqeqeq: 'error',
      curly: ['error', 'all'],
      'no-console': 'error',
      // a token and its interface share one name, and a class its options, as in JupyterLab
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-redeclare': 'off'
    }
  },
  {
    files: ['*.mjs', 'style/*.js'],
    ...tseslint.configs.disableTypeChecked
  }
);
