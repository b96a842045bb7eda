export declare function debianRoot(name: 'mysql-9' | 'mariadb-11.8'): string | undefined;
export declare function fetchDebianRoots(): readonly string[];
